// ragent new: a folder that runs as it is and invites changes.
#include <cli/commands.h>
#include <profile/scaffold.h>

#include <filesystem>
#include <fmt/core.h>

namespace ragent::cli {

namespace fs = std::filesystem;

int new_command(const Args& args, const Console& console) {
  fs::path folder(args.name);
  if (!folder.has_filename()) folder = folder.parent_path();
  bool bare = !folder.has_parent_path();
  std::string name = folder.filename();
  if (bare) folder = fs::path("agents") / name;
  std::string shown = bare ? name : folder.string();
  if (Result<void> made = new_agent(name, folder.string()); !made) {
    console.report(made.error());
    return made.error().kind == ErrorKind::invalid ? kExitUsage : kExitError;
  }
  const Look& look = console.out;
  auto file = [&](std::string_view name, std::string_view what) {
    return "  " + pad(name, 14) + dim(look, what) + "\n";
  };
  print(fmt::format("{} {}\n\n{}{}{}\nTry\n  ragent run {} \"Which soups do you have?\"\n",
                    green(look, "made"), bold(look, folder.string()),
                    file("agent.toml", "who it is and what it can do"),
                    file("menu.csv", "a table for its first tool"),
                    file("order", "the program of its second"), shown));
  return kExitDone;
}

}  // namespace ragent::cli
