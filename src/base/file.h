// File: whole files, with clear errors. Blocking: call through offload() from a shard.
//
//   Result<std::string> text = read_file("agents/travel/agent.toml", limits::kConfigBytesMax);
//   Result<void> saved = write_file_atomic("trace.html", page);   // all of it or nothing
//
// Errors name the path and what the system said: not_found, unavailable (no space), invalid (too
// big, a directory), io. Any thread.
#pragma once

#include <ragent/result.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace ragent {

// "cannot open agents/x: No such file or directory", of the kind that fits `error_number`.
Error system_error(std::string_view doing, std::string_view path, int error_number);

// Only a regular file: a folder, a FIFO or a device is Error{invalid} at once.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);
// Durable on return: a temporary file beside it, fsync, rename, fsync of the directory. An
// existing file keeps its permissions; a new one gets `mode`.
Result<void> write_file_atomic(const std::string& path, std::string_view bytes,
                               unsigned mode = 0644);
// Where a person wants an output: as write_file_atomic for a file, new or old, at the end of
// symbolic links; a FIFO or a device is written into, and stays what it is.
Result<void> write_output(const std::string& path, std::string_view bytes);
// With all parents; fine when it exists.
Result<void> make_directories(const std::string& path, unsigned mode = 0755);

}  // namespace ragent
