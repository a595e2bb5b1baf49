#include <profile/scaffold.h>

#include <base/file.h>
#include <base/text.h>
#include <profile/names.h>
#include <ragent/limits.h>

#include <fmt/format.h>

#include <filesystem>

namespace ragent {
namespace {

constexpr std::string_view kAgent =
    R"(# An agent is this folder. Change anything, then: ragent check .
planner = "react"
budget  = { steps = 12, time = "2m" }

[profile]
name         = "NAME"
role         = "a friendly waiter"
instructions = "Help guests to choose from the menu. Say what things cost."
rules        = ["Name only dishes that the menu has shown.", "Order only if the guest asks to."]

# A model learns from an example how the tools are used; a small model needs some.
[[profile.examples]]
user   = "Good evening!"
answer = "Good evening! Shall I tell you what is on the menu?"

[[profile.examples]]
user   = "Do you have soup?"
calls  = [
  { tool = "menu", args = { word = "soup" }, result = [
    { dish = "Tomato soup", kind = "soup", price = 6.5 },
    { dish = "Onion soup", kind = "soup", price = 7 },
  ] },
]
answer = "Yes: tomato soup for 6.50 and onion soup for 7 euros."

# A question to menu.csv: a CSV file of this folder is a table called by its name.
[tools.menu]
description = "Dishes whose name or kind holds a word, cheapest first."
args = { word = "string: part of a dish or its kind, such as soup or fish" }
sql  = """
select dish, kind, price from menu
where dish || ' ' || kind like '%' || :word || '%'
order by price
"""

# A program: JSON arguments on stdin, a JSON result on stdout. `once` means that it is never
# repeated unless `query` says that it did not happen.
[tools.order]
description = "Order one dish of the menu."
effect = "once"
args   = { dish = "seen: dish from menu" }    # must stand in an earlier answer of menu
words  = ["order", "bring", "take", "have"]   # offered only when the guest said one of them
exec   = "./order"
query  = "./order --query"
ask    = "Order {dish}?"                      # a person decides first
)";

constexpr std::string_view kMenu = R"(dish,kind,price
Tomato soup,soup,6.5
Onion soup,soup,7
Grilled trout,fish,16.5
Fish cakes,fish,12
Mushroom risotto,vegetarian,13.5
Apple strudel,dessert,5.5
)";

constexpr std::string_view kOrder = R"(#!/usr/bin/python3
"""Writes an order into orders.jsonl, and answers whether the order with a key is there."""
import json
import os
import sys

ORDERS = os.path.join(os.environ["RAGENT_AGENT_DIR"], "orders.jsonl")
call = json.load(sys.stdin)

if sys.argv[1:] == ["--query"]:
    lines = open(ORDERS).readlines() if os.path.exists(ORDERS) else []
    found = [order for order in map(json.loads, lines) if order["key"] == call["key"]]
    state = {"state": "happened", "result": found[0]} if found else {"state": "cannot_happen"}
    print(json.dumps(state))
else:
    order = {"dish": call["dish"], "key": os.environ["RAGENT_KEY"]}
    with open(ORDERS, "a") as orders:
        orders.write(json.dumps(order) + "\n")
        orders.flush()
        os.fsync(orders.fileno())
    print(json.dumps({"ordered": call["dish"]}))
)";

constexpr std::string_view kReadme = R"(# NAME

```sh
ragent check DIRECTORY
ragent run DIRECTORY "Which soups do you have?"
ragent run DIRECTORY "Please bring me the cheapest fish dish."
```

| file | what |
| --- | --- |
| `agent.toml` | who it is and what it can do |
| `menu.csv` | a table for its tool `menu` |
| `order` | the program of its tool `order`; writes `orders.jsonl` |
)";

std::string filled(std::string_view text, std::string_view mark, std::string_view value) {
  std::string out(text);
  for (std::size_t at = out.find(mark); at != std::string::npos;
       at = out.find(mark, at + value.size())) {
    out.replace(at, mark.size(), value);
  }
  return out;
}

}  // namespace

Result<void> new_agent(const std::string& name, const std::string& directory) {
  if (!is_name(name)) {
    return fail(ErrorKind::invalid,
                fmt::format("expected {}, got \"{}\"", kNameExpected, printable(name, 80)));
  }
  std::error_code error;
  if (std::filesystem::exists(directory, error)) {
    return fail(ErrorKind::conflict,
                fmt::format("{} exists already; nothing was changed", directory));
  }
  std::string readme = filled(filled(kReadme, "NAME", name), "DIRECTORY", directory);
  Result<void> made = make_directories(directory);
  if (made) made = write_file_atomic(directory + "/menu.csv", kMenu);
  if (made) made = write_file_atomic(directory + "/order", kOrder, 0755);
  if (made) made = write_file_atomic(directory + "/README.md", readme);
  // Last: a folder is an agent once it has this file.
  if (made) made = write_file_atomic(directory + "/agent.toml", filled(kAgent, "NAME", name));
  return made;
}

}  // namespace ragent
