#include <store/filed.h>

#include <fmt/core.h>

namespace ragent {
namespace {

// Version 1: the version byte, the number of records, then each record: lsn, n and `at` as
// differences to the record before, chapter, path, step + 1 (kNoStep is 0), call, kind * 2 + phase,
// attempt, 16 bytes of digest, body. Numbers are LEB128 varints, signed ones zigzag; strings carry
// their length. `run` is not in it: all records are of the run they are filed under.
constexpr char kVersion = 1;
constexpr std::uint64_t kKinds = static_cast<std::uint64_t>(RecordKind::final) + 1;
static_assert(kKinds == 22, "a new kind goes to the end of the enum: filed runs hold its numbers");

class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  void difference(std::uint64_t value, std::uint64_t before) {
    const std::uint64_t by = value - before;  // wraps; zigzag keeps small ones short
    number((by << 1) ^ (0 - (by >> 63)));
  }
  void text(std::string_view value) {
    number(value.size());
    out_ += value;
  }
  void fixed(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) out_ += static_cast<char>(value >> shift);
  }

 private:
  std::string& out_;
};

// Reads what Encoder wrote; past the end, or at a number that is none, it is no longer `ok`.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  std::uint64_t difference(std::uint64_t before) {
    const std::uint64_t zigzag = number();
    return before + ((zigzag >> 1) ^ (0 - (zigzag & 1)));
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > bytes_.size()) ok_ = false;
    return ok_ ? std::string(take(size)) : std::string();
  }
  std::uint64_t fixed() {
    const std::string_view bytes = take(8);
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; --i) {
      value = (value << 8) | static_cast<std::uint8_t>(bytes[static_cast<std::size_t>(i)]);
    }
    return value;
  }

 private:
  // Eight zero bytes stand in for what is missing; nobody asks for more without `ok`.
  std::string_view take(std::size_t size) {
    if (size > bytes_.size()) {
      ok_ = false;
      return {"\0\0\0\0\0\0\0\0", 8};
    }
    const std::string_view out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return out;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

Record decode_record(Decoder& in, const Record& before) {
  Record record;
  record.lsn = in.difference(before.lsn);
  record.n = static_cast<std::uint32_t>(in.difference(before.n));
  record.at = static_cast<std::int64_t>(in.difference(static_cast<std::uint64_t>(before.at)));
  record.chapter = static_cast<std::uint32_t>(in.number());
  record.path = in.text();
  record.step = static_cast<std::uint32_t>(in.number() - 1);
  record.call = static_cast<std::uint32_t>(in.number());
  const std::uint64_t kind = in.number();
  record.kind = static_cast<RecordKind>(kind / 2 < kKinds ? kind / 2 : 0);
  record.phase = kind % 2 == 0 ? Phase::intent : Phase::outcome;
  record.attempt = static_cast<std::uint32_t>(in.number());
  record.digest.high = in.fixed();
  record.digest.low = in.fixed();
  record.body = in.text();
  return record;
}

}  // namespace

std::string encode_records(const std::vector<Record>& records) {
  std::string out(1, kVersion);
  Encoder to(out);
  to.number(records.size());
  Record before;
  for (const Record& record : records) {
    to.difference(record.lsn, before.lsn);
    to.difference(record.n, before.n);
    to.difference(static_cast<std::uint64_t>(record.at), static_cast<std::uint64_t>(before.at));
    to.number(record.chapter);
    to.text(record.path);
    to.number(static_cast<std::uint32_t>(record.step + 1));
    to.number(record.call);
    to.number(static_cast<std::uint64_t>(record.kind) * 2 +
              (record.phase == Phase::outcome ? 1 : 0));
    to.number(record.attempt);
    to.fixed(record.digest.high);
    to.fixed(record.digest.low);
    to.text(record.body);
    before.lsn = record.lsn;
    before.n = record.n;
    before.at = record.at;
  }
  return out;
}

Result<std::vector<Record>> decode_records(std::string_view bytes) {
  if (bytes.empty()) return fail(ErrorKind::invalid, "the filed records are empty: damaged");
  if (bytes[0] != kVersion) {
    return fail(ErrorKind::invalid,
                fmt::format("the filed records are of version {}, this release reads up to {}: "
                            "use a newer ragent",
                            static_cast<int>(bytes[0]), static_cast<int>(kVersion)));
  }
  Decoder in(bytes.substr(1));
  const std::uint64_t count = in.number();
  std::vector<Record> records;
  Record before;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    records.push_back(decode_record(in, before));
    before = records.back();
  }
  if (!in.ok() || !in.at_end()) {
    return fail(ErrorKind::invalid,
                "the filed records are damaged: they end too early or too late");
  }
  return records;
}

}  // namespace ragent
