#include <ragent/result.h>

#include <cstdio>
#include <cstdlib>

namespace ragent {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid: return "invalid";
    case ErrorKind::not_found: return "not_found";
    case ErrorKind::rejected: return "rejected";
    case ErrorKind::unavailable: return "unavailable";
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::budget: return "budget";
    case ErrorKind::conflict: return "conflict";
    case ErrorKind::misuse: return "misuse";
    case ErrorKind::diverged: return "diverged";
    case ErrorKind::io: return "io";
    case ErrorKind::internal: return "internal";
  }
  return "internal";
}

Error within(std::string_view where, Error error) {
  error.message = std::string(where) + ": " + error.message;
  return error;
}

void assertion_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s. This is a bug in Ragent or its caller.\n",
               file, line, what);
  std::abort();
}

}  // namespace ragent
