# teeth_test: the simulation, linked with copies of the runtime that can break a rule. The copies
# come before the library, whose own objects of these files are then not taken.
if(RAGENT_TESTS)
  set(mutants "")
  foreach(file branch fork act live_world)
    set(in "${CMAKE_SOURCE_DIR}/src/runtime/${file}.cc")
    set(out "${CMAKE_BINARY_DIR}/teeth/${file}.cc")
    add_custom_command(OUTPUT "${out}"
      COMMAND "${CMAKE_COMMAND}" "-DIN=${in}" "-DOUT=${out}" -P tests/teeth/mutate.cmake
      DEPENDS "${in}" "${CMAKE_SOURCE_DIR}/tests/teeth/mutate.cmake"
      WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    list(APPEND mutants "${out}")
  endforeach()
  set(harness harness outside planners promises sweep)
  list(TRANSFORM harness REPLACE "(.+)" "tests/simulation/\\1.cc")
  ragent_test(teeth "tests/teeth/teeth_test.cc;${harness};${mutants}" ragent_core)
endif()
