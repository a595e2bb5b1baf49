#include <cli/text.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

constexpr std::size_t kColumnMin = 6;  // a column never shrinks below this

std::string paint(const Look& look, std::string_view code, std::string_view text) {
  if (!look.color || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

// Enough of Unicode's East Asian Width for tables to line up.
std::size_t columns(std::string_view character) {
  char32_t code = utf8_code(character);
  if ((code >= 0x300 && code <= 0x36f) || code == 0x200b || code == 0x200d ||
      (code >= 0xfe00 && code <= 0xfe0f)) {
    return 0;
  }
  bool wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
              (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
              (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
              (code >= 0x1f300 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}

// Bytes of a colour sequence at the beginning of `text`, or 0.
std::size_t escape_bytes(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  std::size_t end = text.find('m');
  return end == std::string_view::npos ? 0 : end + 1;
}

bool numeric(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Widths of the columns, shrunk from the widest until the row fits.
std::vector<std::size_t> column_widths(const std::vector<std::string>& head,
                                       const std::vector<std::vector<std::string>>& rows,
                                       std::size_t room) {
  std::vector<std::size_t> widths;
  for (const std::string& title : head) widths.push_back(width_of(title));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  std::size_t total = 2 * (widths.empty() ? 0 : widths.size() - 1);
  for (std::size_t width : widths) total += width;
  while (total > room) {
    auto widest = std::ranges::max_element(widths);
    if (widest == widths.end() || *widest <= kColumnMin) break;
    --*widest;
    --total;
  }
  return widths;
}

}  // namespace

std::string bold(const Look& look, std::string_view text) { return paint(look, "1", text); }
std::string dim(const Look& look, std::string_view text) { return paint(look, "2", text); }
std::string red(const Look& look, std::string_view text) { return paint(look, "31", text); }
std::string green(const Look& look, std::string_view text) { return paint(look, "32", text); }
std::string yellow(const Look& look, std::string_view text) { return paint(look, "33", text); }

std::string one_line(std::string_view text) {
  std::string out;
  bool space = false;
  for (char c : text) {
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
      space = !out.empty();
      continue;
    }
    if (space) out += ' ';
    space = false;
    out += c;
  }
  return visible(out);
}

std::string_view first_character(std::string_view text) {
  return text.substr(0, std::max<std::size_t>(utf8_length(text), 1));
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    if (std::size_t escape = escape_bytes(text)) {
      text.remove_prefix(escape);
      continue;
    }
    std::string_view character = first_character(text);
    width += columns(character);
    text.remove_prefix(character.size());
  }
  return width;
}

std::string fit(const Look& look, std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string(text);
  std::string_view dots = look.unicode ? "…" : "...";
  if (width < width_of(dots)) return std::string(width, '.');
  std::size_t room = width - width_of(dots);
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    std::string_view character = first_character(text);
    used += columns(character);
    if (used > room) break;
    out += character;
    text.remove_prefix(character.size());
  }
  while (out.ends_with(' ')) out.pop_back();
  return out + std::string(dots);
}

std::string pad(std::string_view text, std::size_t width) {
  std::size_t have = width_of(text);
  return std::string(text) + std::string(have < width ? width - have : 0, ' ');
}

std::string pad_left(std::string_view text, std::size_t width) {
  std::size_t have = width_of(text);
  return std::string(have < width ? width - have : 0, ' ') + std::string(text);
}

std::string repeat(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string dotted(const Look& look, const std::vector<std::string>& facts) {
  std::string_view dot = look.unicode ? " · " : " - ";
  std::string out;
  std::size_t used = 0;
  for (const std::string& fact : facts) {
    std::string text = one_line(fact);
    if (text.empty()) continue;
    std::size_t width = width_of(text);
    bool fits = !out.empty() && used + width_of(dot) + width <= look.width;
    if (!out.empty()) out += fits ? dot : "\n";
    out += text;
    used = fits ? used + width_of(dot) + width : width;
  }
  return out;
}

std::string wrapped(const Look& look, std::string_view indent, std::string_view text) {
  std::size_t room = look.width - std::min(look.width, width_of(indent));
  std::string lines;
  std::size_t used = 0;
  for (std::string_view word : words(text)) {
    std::string shown = visible(word);
    std::size_t width = width_of(shown);
    bool fits = used > 0 && used + 1 + width <= room;
    if (used > 0) lines += fits ? ' ' : '\n';
    lines += shown;
    used = fits ? used + 1 + width : width;
  }
  return indented(indent, lines);
}

std::string indented(std::string_view indent, std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    out += fmt::format("{}{}\n", indent, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string duration(std::int64_t ms) {
  ms = std::max<std::int64_t>(ms, 0);
  if (ms < 100) return fmt::format("{} ms", ms);
  std::int64_t tenths = (ms + 50) / 100;
  if (tenths < 600) return fmt::format("{}.{} s", tenths / 10, tenths % 10);
  std::int64_t seconds = (ms + 500) / 1000;
  if (seconds < 3600 && seconds % 60 == 0) return fmt::format("{} min", seconds / 60);
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

std::string count(std::int64_t number) {
  std::string digits = std::to_string(number);
  std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t i = digits.size(); i > first + 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

std::string dollars(std::int64_t nanodollars) {
  double amount = static_cast<double>(nanodollars) / 1e9;
  int digits = 2;
  for (double rest = amount; rest > 0 && rest < 0.1 && digits < 9; rest *= 10) ++digits;
  return fmt::format("${:.{}f}", amount, digits);
}

std::string bytes(std::uint64_t number) {
  static constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(number);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit > 0 && value < 10 ? 1 : 0, kUnits[unit]);
}

std::string age(std::int64_t ms) {
  std::int64_t minutes = ms / 60'000;
  if (minutes < 1) return "just now";
  if (minutes < 60) return fmt::format("{} min ago", minutes);
  if (minutes < 48 * 60) return fmt::format("{} h ago", minutes / 60);
  return fmt::format("{} days ago", minutes / (24 * 60));
}

std::string plural(std::int64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", count(number), noun, number == 1 ? "" : "s");
}

std::string plain(const Json& value) {
  if (value.is_null()) return "";
  return one_line(value.string() ? *value.string() : value.dump());
}

std::string error_text(const Look& look, const Error& error) {
  std::string out = fmt::format("{} {}\n", red(look, "error:"), visible(error.message));
  for (const Error* cause = error.cause.get(); cause; cause = cause->cause.get()) {
    out += fmt::format("  because {}\n", visible(cause->message));
  }
  return out;
}

std::string_view spinner(const Look& look, std::size_t frame) {
  static constexpr std::array<std::string_view, 4> kAscii = {"-", "\\", "|", "/"};
  static constexpr std::array<std::string_view, 6> kDots = {"⠋", "⠙", "⠸", "⠴", "⠦", "⠇"};
  return look.unicode ? kDots[frame % kDots.size()] : kAscii[frame % kAscii.size()];
}

std::string table(const Look& look, std::string_view indent, const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows) {
  std::size_t room = look.width > indent.size() ? look.width - indent.size() : 0;
  std::vector<std::size_t> widths = column_widths(head, rows, room);
  std::vector<bool> right(head.size(), !rows.empty());
  for (std::size_t i = 0; i < head.size(); ++i) {
    for (const auto& row : rows) {
      if (i < row.size() && !row[i].empty() && !numeric(row[i])) right[i] = false;
    }
  }
  auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (std::size_t i = 0; i < head.size(); ++i) {
      std::string_view cell = i < cells.size() ? std::string_view(cells[i]) : "";
      bool colored = cell.find('\x1b') != std::string_view::npos;
      std::string text = colored ? std::string(cell) : fit(look, cell, widths[i]);
      if (i > 0) out += "  ";
      out += right[i] ? pad_left(text, widths[i]) : pad(text, widths[i]);
    }
    while (out.ends_with(' ')) out.pop_back();
    return out;
  };
  std::string out = fmt::format("{}{}\n", indent, dim(look, line(head)));
  for (const auto& row : rows) out += fmt::format("{}{}\n", indent, line(row));
  return out;
}

std::string fork_text(std::string_view parent) {
  const std::size_t at = parent.find('@');
  if (at == parent.npos) return "";
  return fmt::format("fork of {} at {}", parent.substr(0, at), parent.substr(at + 1));
}

}  // namespace ragent::cli
