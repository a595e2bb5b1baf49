// Result<T> and Error: what can go wrong in correct use is a value.
//
//   Result<Answer> answer = engine.run(clerk, "What is 2 + 3?");
//   if (!answer) std::puts(answer.error().message.c_str());
//
// A message says what was expected, what came and what to do. Values; any thread.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
#error "Ragent needs clang 17+ or GCC 14+: older GCC miscompiles coroutines silently."
#endif

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ragent {

enum class ErrorKind : std::uint8_t {
  invalid,      // an input is not what was asked for
  not_found,    // it does not exist, or it is not yours
  rejected,     // a tool or a policy said no; certainly nothing happened
  unavailable,  // a model, a store or a service cannot be used now
  timeout,      // a deadline passed
  cancelled,    // somebody asked to stop
  budget,       // steps, tokens, money or time are used up
  conflict,     // something else holds it (a session at work, an owned home)
  misuse,       // the API was used against its contract
  diverged,     // a replay asked for something else than was recorded
  io,           // the operating system or the disk failed
  internal,     // an exception escaped from user code, or a bug
};

std::string_view to_string(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message = {};
  std::optional<std::chrono::milliseconds> retry_after = {};
  std::shared_ptr<const Error> cause = {};  // shared by the copies of this error

  friend bool operator==(const Error& a, const Error& b) {
    return a.kind == b.kind && a.message == b.message && a.retry_after == b.retry_after;
  }
};

template <class T>
using Result = std::expected<T, Error>;

// `return fail(ErrorKind::invalid, "…");` from any function that returns a Result.
inline std::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return std::unexpected(Error{.kind = kind, .message = std::move(message)});
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

// The same error with "where: " before its message.
Error within(std::string_view where, Error error);

// A bug in Ragent or in its caller: aborts in every build. No outside input may reach one.
[[noreturn]] void assertion_failed(const char* what, const char* file, int line);
#define RAGENT_ASSERT(condition) \
  ((condition) ? void() : ::ragent::assertion_failed(#condition, __FILE__, __LINE__))

}  // namespace ragent
