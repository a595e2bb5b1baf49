# Language, warnings, sanitizers: the same for every target of the project.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
    message(FATAL_ERROR "Ragent needs clang 17+ or GCC 14+ (GCC 12 miscompiles coroutines). "
      "This is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}. "
      "Use a preset: cmake --preset dev")
  endif()
endif()

# ccache needs to be told that precompiled headers may be trusted, and that another checkout or
# build folder is the same work.
find_program(ccache ccache)
if(ccache AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(launcher env CCACHE_NOHASHDIR=1 "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}"
    CCACHE_SLOPPINESS=pch_defines,time_macros ${ccache})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

add_compile_options(-Wall -Wextra -Werror)
add_link_options(-fuse-ld=lld)
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  # Line tables keep back traces; full debug information doubles link time and disk.
  string(REPLACE "-g" "-gline-tables-only" CMAKE_CXX_FLAGS_DEBUG "${CMAKE_CXX_FLAGS_DEBUG}")
  string(REPLACE "-g" "-gline-tables-only" CMAKE_C_FLAGS_DEBUG "${CMAKE_C_FLAGS_DEBUG}")
endif()
if(RAGENT_SANITIZE)
  add_compile_options(-fsanitize=${RAGENT_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${RAGENT_SANITIZE})
endif()
if(RAGENT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
