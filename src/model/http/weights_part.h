// WeightsPart: what came of a file so far, on disk: FILE.part, which grows and is hashed as it
// does, and FILE.part.etag, which version of it that is. Locked: one process at a time.
//
//   WeightsPart part = *WeightsPart::open(file);     // as an earlier try left it
//   if (Result<void> added = part.add(bytes); !added) …
//   part.keep(sha256);                             // FILE, or an Error and neither
//
// Blocking; owned by one fetch.
#pragma once

#include <base/hash.h>
#include <base/posix.h>
#include <ragent/result.h>

namespace ragent {

class WeightsPart {
 public:
  // Error{conflict}: another process fetches it.
  static Result<WeightsPart> open(const std::string& file);

  std::uint64_t size() const { return size_; }
  const std::string& etag() const { return etag_; }  // empty: unknown
  void set_etag(const std::string& etag);
  Result<void> add(std::string_view bytes);
  Result<void> begin_anew();
  void remove();
  // Whether there is room for so many more; with what there is.
  Result<void> check_room(std::uint64_t bytes) const;
  bool matches(const std::string& sha256) const { return hash_->hex() == sha256; }
  // Durably under its own name when the hash is this one. Error{invalid}: it is another one;
  // conflict: somebody removed what came.
  Result<void> keep(const std::string& sha256);

 private:
  explicit WeightsPart(const std::string& file) : file_(file), path_(file + ".part") {}
  // Whether FILE.part is still the one that was opened: what has another name by now, or none, or
  // was begun anew by somebody else, is locked for nothing.
  bool stands() const;
  Result<void> read_again();  // what is there, for its hash

  std::string file_;
  std::string path_;
  std::string etag_ = {};
  FileDescriptor opened_ = {};
  std::uint64_t size_ = 0;
  std::unique_ptr<Sha256> hash_ = std::make_unique<Sha256>();
};

}  // namespace ragent
