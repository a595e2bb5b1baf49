#include <base/ids.h>

namespace ragent {

std::string new_uid(WallPoint now, Random& random) {
  static constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  const auto time = static_cast<std::uint64_t>(now.time_since_epoch().count()) & 0xffff'ffff'ffffu;
  std::uint64_t high = (time << 16) | (random.next() & 0xffff);
  std::uint64_t low = random.next();
  std::string uid(26, '0');
  for (std::size_t i = uid.size(); i-- > 0;) {
    uid[i] = kAlphabet[low & 31];
    low = (low >> 5) | (high << 59);
    high >>= 5;
  }
  return uid;
}

}  // namespace ragent
