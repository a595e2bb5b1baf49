// Text: small functions on UTF-8 text that several parts need. Pure; any thread.
//
//   nearest("instuctions", keys)          // "instructions": for "did you mean …?"
//   utf8_prefix(observation, 2048)        // never cuts a character in two
//   visible(answer)                       // safe to show in a terminal
//   printable(input, 80)                  // … in a message
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ragent {

// The candidate that differs least from `word`: by at most 2 edits (a swap of neighbours is one)
// or a third of its length, whichever is more, and never by all of it. The first of equal ones.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);
std::optional<std::string> nearest(std::string_view word,
                                   std::span<const std::string_view> candidates);

// The bytes of the character at the beginning of `text`: 1 to 4, 0 when it is not valid UTF-8.
std::size_t utf8_length(std::string_view text);
// Its code point; of bad bytes, the first one. `text` is not empty.
char32_t utf8_code(std::string_view text);
bool valid_utf8(std::string_view text);
std::string utf8_prefix(std::string_view text, std::size_t bytes_max);
// What is not valid UTF-8 becomes U+FFFD.
std::string to_utf8(std::string_view bytes);
// What may be shown anywhere: a terminal obeys control characters, a reader must not. They and bad
// bytes become \xNN, characters that turn the direction of text \uNNNN; line feeds and tabs stay.
std::string visible(std::string_view text);
// The same on one line of at most about `bytes_max` bytes: line feeds and tabs become \xNN too.
std::string printable(std::string_view text, std::size_t bytes_max);

std::string_view trim(std::string_view text);  // spaces, tabs and line ends at both ends
std::vector<std::string_view> split(std::string_view text, char separator);  // keeps empty parts
std::vector<std::string_view> words(std::string_view text);  // separated by white space
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string to_lower(std::string_view text);  // A-Z only
std::string base64(std::string_view bytes);  // RFC 4648, section 4: padded, no line ends

}  // namespace ragent
