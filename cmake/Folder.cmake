# One target per folder. Sources by glob; `*_test.cc` beside the code go into NAME_test.

# Every target of ours may include <ragent/...>; only the project itself sees src/.
add_library(ragent_headers INTERFACE)
target_include_directories(ragent_headers INTERFACE
  "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:include>")
set_target_properties(ragent_headers PROPERTIES EXPORT_NAME headers)
set(RAGENT_INSTALLED ragent_headers sqlite3 llhttp)

if(RAGENT_PCH)
  file(WRITE "${CMAKE_BINARY_DIR}/pch.cc.in" "")
  configure_file("${CMAKE_BINARY_DIR}/pch.cc.in" "${CMAKE_BINARY_DIR}/pch.cc" COPYONLY)
  add_library(ragent_pch OBJECT "${CMAKE_BINARY_DIR}/pch.cc")
  target_precompile_headers(ragent_pch PRIVATE "${CMAKE_SOURCE_DIR}/cmake/pch.h")
  # Without its time stamp ccache can tell that a rebuilt header is the same.
  target_compile_options(ragent_pch PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
endif()

function(ragent_use_pch target)
  if(RAGENT_PCH)
    target_precompile_headers(${target} REUSE_FROM ragent_pch)
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

# What our own code sees and what others of the project link.
function(ragent_own target)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/src")
  ragent_use_pch(${target})
endfunction()

function(ragent_test name sources)
  if(NOT RAGENT_TESTS OR NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  ragent_own(${name}_test)
  target_include_directories(${name}_test PRIVATE "${CMAKE_SOURCE_DIR}/tests")
  target_link_libraries(${name}_test PRIVATE ${ARGN} GTest::gmock_main)
  add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
endfunction()

# ragent_folder(NAME [SOURCE dir] [DEPS folders…] [PRIVATE libraries…] [TEST_DEPS …] [EXCLUDE sub…]
#               [INSIDE])   INSIDE: for tests and benches alone, so not installed
function(ragent_folder name)
  cmake_parse_arguments(arg "INSIDE" "SOURCE" "DEPS;PRIVATE;TEST_DEPS;EXCLUDE" ${ARGN})
  if(NOT arg_SOURCE)
    set(arg_SOURCE "src/${name}")
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${arg_SOURCE}/*.cc")
  foreach(sub IN LISTS arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "/${arg_SOURCE}/${sub}/")
  endforeach()
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  # A folder still without code is a target all the same: its neighbours can name it.
  if(sources)
    add_library(ragent_${name} STATIC ${sources})
    ragent_own(ragent_${name})
    target_link_libraries(ragent_${name} PUBLIC ragent_headers ${arg_DEPS} Threads::Threads
      PRIVATE ${arg_PRIVATE})
  else()
    add_library(ragent_${name} INTERFACE)
    target_link_libraries(ragent_${name} INTERFACE ragent_headers ${arg_DEPS})
  endif()
  if(NOT arg_INSIDE)
    set_target_properties(ragent_${name} PROPERTIES EXPORT_NAME ${name})
    set(RAGENT_INSTALLED ${RAGENT_INSTALLED} ragent_${name} PARENT_SCOPE)
  endif()
  ragent_test(${name} "${tests}" ragent_${name} ${arg_TEST_DEPS} ${arg_PRIVATE})
endfunction()

# ragent_component(NAME folders…): what find_package(ragent) offers as ragent::NAME.
function(ragent_component name)
  add_library(ragent_${name} INTERFACE)
  list(TRANSFORM ARGN PREPEND "ragent_" OUTPUT_VARIABLE folders)
  target_link_libraries(ragent_${name} INTERFACE ${folders})
  set_target_properties(ragent_${name} PROPERTIES EXPORT_NAME ${name})
  add_library(ragent::${name} ALIAS ragent_${name})
  set(RAGENT_INSTALLED ${RAGENT_INSTALLED} ragent_${name} PARENT_SCOPE)
endfunction()

# ragent_program(NAME dir DEPS …): one executable from a folder, its tests in NAME_cli_test.
function(ragent_program name dir)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${dir}/*.cc")
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(NOT sources)
    return()
  endif()
  set(objects ${sources})
  list(FILTER objects EXCLUDE REGEX "/main\\.cc$")
  list(FILTER sources INCLUDE REGEX "/main\\.cc$")
  add_library(${name}_objects OBJECT ${objects})
  ragent_own(${name}_objects)
  target_link_libraries(${name}_objects PUBLIC ${arg_DEPS})
  add_executable(${name} ${sources})
  ragent_own(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  target_compile_definitions(${name}_objects PUBLIC RAGENT_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE ${name}_objects)
  install(TARGETS ${name} RUNTIME DESTINATION bin)
  ragent_test(cli "${tests}" ${name}_objects)
endfunction()

# ragent_programs(dir DEPS … LINK …): one executable per file, in build/dir/.
function(ragent_programs dir)
  cmake_parse_arguments(arg "" "" "DEPS;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${dir}/*.cc")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    set(target "${dir}_${name}")
    add_executable(${target} "${source}")
    ragent_own(${target})
    target_link_libraries(${target} PRIVATE ${arg_DEPS})
    target_link_options(${target} PRIVATE ${arg_LINK})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}
      RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${dir}")
  endforeach()
endfunction()

# What stands in for a model's server: a library, included as <stub_model/…>, and a program.
function(ragent_stub_model)
  ragent_folder(stub_model SOURCE tests/stub_model DEPS ragent_net PRIVATE fmt::fmt EXCLUDE server
                INSIDE)
  target_include_directories(ragent_stub_model PUBLIC "${CMAKE_SOURCE_DIR}/tests")
  add_executable(stub_model_server tests/stub_model/server/main.cc)
  ragent_own(stub_model_server)
  target_link_libraries(stub_model_server PRIVATE ragent_stub_model fmt::fmt)
  set_target_properties(stub_model_server PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bench")
endfunction()

# Examples see public headers only, as a user's program does.
function(ragent_examples)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "examples/*.cc")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(example_${name} "${source}")
    target_link_libraries(example_${name} PRIVATE ${arg_DEPS})
    set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name}
      RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/examples")
  endforeach()
endfunction()

function(ragent_tests name)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "tests/${name}/*.cc")
  ragent_test(${name} "${sources}" ${arg_DEPS} fmt::fmt)
endfunction()
