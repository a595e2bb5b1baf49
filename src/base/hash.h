// Hash: digests of 128 bits for comparing (XXH3, fast, not secret), SHA-256 for names and keys that
// a stranger must not be able to forge.
//
//   Digest step = mix(mix(previous, "think"), request);   // order matters
//   std::string key = sha256_base32(run_uid + "/0/3", 26);
//
// Pure; any thread. The values are part of the journal's format and never change.
#pragma once

#include <ragent/tool.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ragent {

Digest hash128(std::string_view bytes);
// The digest of `previous` followed by something new. Each kind of argument has its own values.
Digest mix(Digest previous, std::string_view bytes);
Digest mix(Digest previous, Digest other);
Digest mix(Digest previous, std::uint64_t number);

std::string to_hex(Digest digest);  // 32 characters
std::optional<Digest> digest_from_hex(std::string_view hex);

std::string sha256_hex(std::string_view bytes);  // 64 characters
// Of what comes in pieces: a file that is longer than memory should be.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::string_view bytes);
  std::string hex() const;  // of all that was added so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};
// The first `characters` (at most 51) of the lower-case base32 of the SHA-256 (RFC 4648, a-z 2-7).
std::string sha256_base32(std::string_view bytes, std::size_t characters);

}  // namespace ragent
