// Ids: names that sort by the time they were made (Crockford base32, as in the ULID specification).
//
//   std::string uid = new_uid(loop.wall(), random);   // "01jdh3v8m2…", 26 characters
//
// Pure; any thread.
#pragma once

#include <base/loop.h>
#include <base/random.h>

#include <string>

namespace ragent {

// 48 bits of milliseconds, then 80 random bits; 0-9 a-z without i l o u.
std::string new_uid(WallPoint now, Random& random);

}  // namespace ragent
