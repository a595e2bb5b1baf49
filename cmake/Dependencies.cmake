# Third-party packages: Debian's by find_package, the lock's from RAGENT_CACHE. Their headers are
# SYSTEM, so that our warnings are about our code.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(CURL 7.88 REQUIRED)
if(RAGENT_TESTS)
  find_package(GTest REQUIRED)
endif()

set(sqlite_dir "${RAGENT_CACHE}/src/sqlite")
if(NOT EXISTS "${sqlite_dir}/sqlite3.c")
  message(FATAL_ERROR "SQLite's source is not in ${sqlite_dir}. Run scripts/setup first.")
endif()
# Never Debian's 3.40: it carries the WAL-reset corruption (fixed in 3.51.3). -O2 in every build:
# at -O0 it is what the tests would wait for.
add_library(sqlite3 STATIC "${sqlite_dir}/sqlite3.c")
target_include_directories(sqlite3 SYSTEM PUBLIC "$<BUILD_INTERFACE:${sqlite_dir}>")
target_compile_definitions(sqlite3 PUBLIC
  SQLITE_THREADSAFE=2 SQLITE_ENABLE_FTS5 SQLITE_ENABLE_MATH_FUNCTIONS SQLITE_OMIT_LOAD_EXTENSION
  SQLITE_DQS=0)
target_compile_definitions(sqlite3 PRIVATE HAVE_FDATASYNC=1)  # it would use fsync
target_compile_options(sqlite3 PRIVATE -O2 -w)
if(RAGENT_SANITIZE)
  target_compile_options(sqlite3 PRIVATE -fno-sanitize=undefined)
endif()

set(llhttp_dir "${RAGENT_CACHE}/src/llhttp")
if(NOT EXISTS "${llhttp_dir}/include/llhttp.h")
  message(FATAL_ERROR "llhttp's source is not in ${llhttp_dir}. Run scripts/setup first.")
endif()
add_library(llhttp STATIC
  "${llhttp_dir}/src/api.c" "${llhttp_dir}/src/http.c" "${llhttp_dir}/src/llhttp.c")
target_include_directories(llhttp SYSTEM PUBLIC "$<BUILD_INTERFACE:${llhttp_dir}/include>")
target_compile_options(llhttp PRIVATE -O2 -w)
