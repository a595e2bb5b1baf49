# ragent_llama_cpp: llama.cpp as one archive, built once by scripts/setup into RAGENT_CACHE under a
# key of (source, flags, processor). Only src/model/llama may link it.
execute_process(
  COMMAND "${CMAKE_SOURCE_DIR}/scripts/fetch.py" --cache "${RAGENT_CACHE}" --print-llama-dir
  OUTPUT_VARIABLE llama_build OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  "${CMAKE_SOURCE_DIR}/third_party/lock" "${CMAKE_SOURCE_DIR}/scripts/fetch.py")
set(llama_source "${RAGENT_CACHE}/src/llama.cpp")
set(llama_archive "${llama_build}/libragent_llama_cpp.a")
if(NOT EXISTS "${llama_archive}")
  message(FATAL_ERROR "llama.cpp is not built in ${llama_build}. Run scripts/setup first, "
    "or configure without the local model: -DRAGENT_LLAMA=OFF")
endif()
set(llama_includes include ggml/include common vendor)
list(TRANSFORM llama_includes PREPEND "${llama_source}/")
add_library(ragent_llama_cpp STATIC IMPORTED GLOBAL)
set_target_properties(ragent_llama_cpp PROPERTIES
  IMPORTED_LOCATION "${llama_archive}"
  INTERFACE_INCLUDE_DIRECTORIES "${llama_includes}"
  INTERFACE_LINK_LIBRARIES "OpenSSL::SSL;OpenSSL::Crypto;Threads::Threads;${CMAKE_DL_LIBS};m")
