// ragent new: a folder that runs as it is and invites changes.
#include <base/file.h>
#include <base/text.h>
#include <cli/commands.h>

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAgent =
    R"(# An agent is this folder. Change anything, then: ragent check {0}

[profile]
name         = "{1}"
role         = "a friendly waiter"
instructions = "Help guests to choose from the menu. Say what things cost. Answer in one or two sentences."
rules        = ["Name only dishes that the menu has shown."]

# Small models learn from an example how the tools are used.
[[profile.examples]]
user   = "Do you have soup?"
calls  = [{{ tool = "menu", args = {{ word = "soup" }}, result = [{{ dish = "Tomato soup", kind = "soup", price = 6.5 }}] }}]
answer = "Yes, tomato soup for 6.50 euros."

# A question to menu.csv: a CSV file of this folder is a table called by its name.
[tools.menu]
description = "Dishes whose name or kind holds a word, cheapest first."
args = {{ word = "string: part of a dish or its kind, such as soup or fish" }}
sql  = "select dish, kind, price from menu where dish || ' ' || kind like '%' || :word || '%' order by price"

# A program of your own: JSON arguments on stdin, a JSON result on stdout. `once` means that it is
# never repeated unless it is certain that it did not happen; `ask` lets a person decide first.
# [tools.order]
# description = "Order one dish."
# effect = "once"
# args   = {{ dish = "seen: dish from menu" }}
# words  = ["order", "bring"]
# exec   = "./order"
# ask    = "Order {{dish}}?"
)";

constexpr std::string_view kMenu = R"(dish,kind,price
Tomato soup,soup,6.5
Onion soup,soup,7
Grilled trout,fish,16.5
Fish cakes,fish,12
Mushroom risotto,vegetarian,13.5
Apple strudel,dessert,5.5
)";

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name[0] >= 'a' && name[0] <= 'z' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

}  // namespace

int new_command(const Args& args, const Console& console) {
  fs::path folder(args.name);
  if (!folder.has_filename()) folder = folder.parent_path();
  bool bare = !folder.has_parent_path();
  std::string name = folder.filename();
  if (!is_name(name)) {
    console.report({.kind = ErrorKind::invalid,
                    .message = fmt::format("expected a name of a-z 0-9 _ - that begins with a "
                                           "letter, at most 64, got `{}`",
                                           printable(name, 80))});
    return kExitUsage;
  }
  if (bare) folder = fs::path("agents") / name;
  std::error_code error;
  if (fs::exists(folder, error)) {
    return console.report(
        {.kind = ErrorKind::conflict,
         .message = fmt::format("{} exists already; nothing was changed", folder.string())});
  }
  std::string shown = bare ? name : folder.string();
  Result<void> made = make_directories(folder.string());
  if (made) made = write_file_atomic((folder / "menu.csv").string(), kMenu);
  // Last: a folder is an agent once it has this file.
  std::string agent = fmt::format(kAgent, shown, name);
  if (made) made = write_file_atomic((folder / "agent.toml").string(), agent);
  if (!made) return console.report(made.error());
  const Look& look = console.out;
  print(fmt::format("{} {}\n\n  {}\n  {}\n\nTry\n  ragent run {} \"Which soups do you have?\"\n",
                    green(look, "made"), bold(look, folder.string()),
                    pad("agent.toml", 14) + dim(look, "who it is and what it can do"),
                    pad("menu.csv", 14) + dim(look, "data for its first tool"), shown));
  return kExitDone;
}

}  // namespace ragent::cli
