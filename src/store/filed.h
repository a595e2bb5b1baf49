// The bytes in which a run rests: its records in one compact, versioned string. A later release
// reads every version written before it.
//
//   std::string bytes = encode_records(records);
//   Result<std::vector<Record>> same = decode_records(bytes);  // Error{invalid}: damaged or newer
//
// Functions on values; any thread.
#pragma once

#include <store/store.h>

namespace ragent {

std::string encode_records(const std::vector<Record>& records);
Result<std::vector<Record>> decode_records(std::string_view bytes);

}  // namespace ragent
