#include <base/hash.h>

#define XXH_INLINE_ALL
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <xxhash.h>

#include <array>

namespace ragent {

namespace {

constexpr char kHex[] = "0123456789abcdef";

Digest digest_of(XXH128_hash_t hash) { return {.high = hash.high64, .low = hash.low64}; }

void put_little_endian(unsigned char* to, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<unsigned char>(value >> (8 * i));
}

// One block of the previous digest, a tag for the kind of what follows, and a digest or number.
Digest mix_block(Digest previous, unsigned char tag, std::uint64_t a, std::uint64_t b) {
  std::array<unsigned char, 33> block;
  put_little_endian(&block[0], previous.high);
  put_little_endian(&block[8], previous.low);
  put_little_endian(&block[16], a);
  put_little_endian(&block[24], b);
  block[32] = tag;
  return digest_of(XXH3_128bits(block.data(), block.size()));
}

std::array<unsigned char, SHA256_DIGEST_LENGTH> sha256(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), hash.data());
  return hash;
}

std::string hex_of(const std::array<unsigned char, SHA256_DIGEST_LENGTH>& hash) {
  std::string hex;
  for (const unsigned char byte : hash) {
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

}  // namespace

Digest hash128(std::string_view bytes) {
  return digest_of(XXH3_128bits(bytes.data(), bytes.size()));
}

Digest mix(Digest previous, std::string_view bytes) {
  const Digest other = hash128(bytes);
  return mix_block(previous, 1, other.high, other.low);
}
Digest mix(Digest previous, Digest other) { return mix_block(previous, 2, other.high, other.low); }
Digest mix(Digest previous, std::uint64_t number) { return mix_block(previous, 3, number, 0); }

std::string to_hex(Digest digest) {
  std::string hex;
  for (const std::uint64_t half : {digest.high, digest.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) hex += kHex[(half >> shift) & 15];
  }
  return hex;
}

std::optional<Digest> digest_from_hex(std::string_view hex) {
  if (hex.size() != 32) return {};
  std::uint64_t halves[2] = {};
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const std::size_t digit = std::string_view(kHex).find(hex[i]);
    if (digit == std::string_view::npos) return {};
    halves[i / 16] = (halves[i / 16] << 4) | digit;
  }
  return Digest{.high = halves[0], .low = halves[1]};
}

std::string sha256_hex(std::string_view bytes) { return hex_of(sha256(bytes)); }

struct Sha256::State {
  State() { RAGENT_ASSERT(context && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  RAGENT_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() const {
  State copy;  // so that more can be added
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash;
  RAGENT_ASSERT(EVP_MD_CTX_copy_ex(copy.context, state_->context) == 1);
  RAGENT_ASSERT(EVP_DigestFinal_ex(copy.context, hash.data(), nullptr) == 1);
  return hex_of(hash);
}

std::string sha256_base32(std::string_view bytes, std::size_t characters) {
  static constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  RAGENT_ASSERT(characters <= 51);  // 256 bits hold 51 whole characters
  std::string text;
  unsigned bits = 0;
  std::uint32_t held = 0;
  for (const unsigned char byte : sha256(bytes)) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5 && text.size() < characters; bits -= 5) {
      text += kAlphabet[(held >> (bits - 5)) & 31];
    }
  }
  return text;
}

}  // namespace ragent
