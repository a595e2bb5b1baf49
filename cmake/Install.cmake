# find_package(ragent) for other projects: ragent::core, and ragent::ragent with the local model.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/ragent")
add_custom_target(installed)  # what `make install` builds
foreach(target IN LISTS RAGENT_INSTALLED)
  get_target_property(kind ${target} TYPE)
  if(NOT kind STREQUAL "INTERFACE_LIBRARY")
    add_dependencies(installed ${target})
  endif()
endforeach()
if(RAGENT_LLAMA)
  add_dependencies(installed ragent)
endif()
install(DIRECTORY include/ragent DESTINATION include)
install(TARGETS ${RAGENT_INSTALLED} EXPORT ragent ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT ragent NAMESPACE ragent:: DESTINATION ${package} FILE ragentTargets.cmake)
configure_package_config_file(cmake/ragentConfig.cmake.in
  "${CMAKE_BINARY_DIR}/ragentConfig.cmake" INSTALL_DESTINATION ${package})
write_basic_package_version_file("${CMAKE_BINARY_DIR}/ragentConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/ragentConfig.cmake"
  "${CMAKE_BINARY_DIR}/ragentConfigVersion.cmake" DESTINATION ${package})
if(RAGENT_LLAMA)
  install(FILES "${llama_archive}" DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
