// Text for terminals: colours, widths, tables, durations, errors.
//
//   Look look{.color = true, .width = 80};
//   out += bold(look, "travel") + "  " + dim(look, duration(2100));
//   out += table(look, "  ", {"id", "price"}, {{"F1", "64"}});
//
// Pure functions; any thread. Whatever comes from a model, a tool, a file or the command line goes
// through `visible` (base/text.h) or `one_line` first.
#pragma once

#include <base/text.h>
#include <ragent/json.h>
#include <ragent/result.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ragent::cli {

// What the place where the text goes can show.
struct Look {
  bool color = false;
  bool unicode = true;
  std::size_t width = 80;
  friend bool operator==(const Look&, const Look&) = default;
};

std::string bold(const Look& look, std::string_view text);
std::string dim(const Look& look, std::string_view text);
std::string red(const Look& look, std::string_view text);
std::string green(const Look& look, std::string_view text);
std::string yellow(const Look& look, std::string_view text);

// As `visible`, on one line: white space becomes single spaces.
std::string one_line(std::string_view text);
// The character at the beginning of `text`, or its first byte where none is.
std::string_view first_character(std::string_view text);
// Columns on a terminal; colour sequences count nothing, wide characters two.
std::size_t width_of(std::string_view text);
// At most `width` columns; what was cut shows as an ellipsis. Text without colours.
std::string fit(const Look& look, std::string_view text, std::size_t width);
std::string pad(std::string_view text, std::size_t width);       // spaces after
std::string pad_left(std::string_view text, std::size_t width);  // spaces before
std::string repeat(std::string_view text, std::size_t count);
// Facts on one line with dots between them, each made visible; a fact that has no room left begins
// the next line.
std::string dotted(const Look& look, const std::vector<std::string>& facts);
// Visible words in lines that fit, also with their indent; what is too long for one is not cut.
std::string wrapped(const Look& look, std::string_view indent, std::string_view text);
// Every line begins with `indent`.
std::string indented(std::string_view indent, std::string_view text);

std::string duration(std::int64_t ms);       // "12 ms", "2.1 s", "3 min 05 s"
std::string count(std::int64_t number);      // "1,204"
std::string bytes(std::uint64_t number);     // "1.1 GB"
std::string age(std::int64_t ms);            // "just now", "5 min ago"
std::string dollars(std::int64_t nanodollars);  // "$12.30", "$0.0042": two digits or more
std::string plural(std::int64_t number, std::string_view noun);  // "1 step", "3 steps"

// A value as a person reads it: text bare, the rest as JSON, on one line.
std::string plain(const Json& value);

// "error: …" and a line for each cause.
std::string error_text(const Look& look, const Error& error);
// What turns while somebody waits, one step a frame.
std::string_view spinner(const Look& look, std::size_t frame);

// Columns of numbers are set to the right; the widest columns shrink when there is no room.
std::string table(const Look& look, std::string_view indent, const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows);

// "fork of RUN at STEP", of the parent of a run's row; empty: it is no fork.
std::string fork_text(std::string_view parent);

}  // namespace ragent::cli
