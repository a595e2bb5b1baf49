// The members of a JSON object by key: to compare them without regard to their order, or to find
// keys that are repeated. Equal keys stay in their order.
//
//   for (const Json::Member* member : members_by_key(*json.object())) …
//
// Values; any thread. The pointers live as long as the object.
#pragma once

#include <ragent/json.h>

#include <algorithm>

namespace ragent {

inline std::vector<const Json::Member*> members_by_key(const Json::Object& object) {
  std::vector<const Json::Member*> members;
  members.reserve(object.size());
  for (const Json::Member& member : object) members.push_back(&member);
  std::ranges::sort(members,
                    [](auto* a, auto* b) { return a->key != b->key ? a->key < b->key : a < b; });
  return members;
}

}  // namespace ragent
