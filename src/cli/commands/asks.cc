// ragent asks: the questions that wait for a person, and their answers.
#include <cli/commands.h>
#include <cli/follow.h>
#include <cli/home.h>
#include <cli/render.h>

#include <fmt/core.h>

namespace ragent::cli {
namespace {

// An ask by the beginning of its id; of its run, when that asks only one thing.
Result<AskView> find_ask(const std::vector<AskView>& asks, const std::string& name) {
  std::size_t slash = name.find('/');
  std::string_view run = std::string_view(name).substr(0, slash);
  std::string_view step = slash == name.npos ? "" : std::string_view(name).substr(slash);
  std::vector<const AskView*> found;
  for (const AskView& view : asks) {
    std::string_view id = view.ask.id;
    std::size_t at = id.find('/');
    bool same_step = step.empty() || (at != id.npos && id.substr(at) == step);
    if (same_step && id.substr(0, at).starts_with(run)) found.push_back(&view);
  }
  if (found.size() == 1) return *found.front();
  if (found.empty()) {
    return fail(ErrorKind::not_found,
                fmt::format("nothing with the id `{}` waits for an answer; `ragent asks` lists "
                            "what does",
                            name));
  }
  std::string ids;
  for (const AskView* view : found) ids += "\n  " + view->ask.id;
  return fail(ErrorKind::conflict, fmt::format("`{}` could be one of{}", name, ids));
}

int answer_ask(const AskView& view, const Args& args, const Console& console) {
  bool approval = view.ask.schema.is_null();
  if (approval == args.answers || !(args.allow || args.deny || args.answers)) {
    console.report({.kind = ErrorKind::invalid,
                    .message = approval ? "this asks for a yes or no: --allow or --deny"
                                        : "this is a question: --answer JSON"});
    return kExitUsage;
  }
  Decision decision{.allowed = !args.deny, .who = args.who.empty() ? user_name() : args.who};
  if (args.answers) {
    Result<Json> answer = json_or_text(args.answer);
    if (!answer) {
      console.report(answer.error());
      return kExitUsage;
    }
    decision.answer = std::move(*answer);
  }
  return carry_on(view.run, args, console,
                  [&](Host& host) { return host.answer(view.ask.id, decision); });
}

}  // namespace

int asks_command(const Args& args, const Console& console) {
  Result<std::unique_ptr<Store>> store = read_home(home_of(args));
  if (!store) return console.report(store.error());
  std::vector<AskView> asks;
  if (*store) {
    Result<std::vector<AskView>> listed = list_asks(**store, Tenant());
    if (!listed) return console.report(listed.error());
    asks = std::move(*listed);
  }
  store->reset();
  if (!args.ask.empty()) {
    Result<AskView> ask = find_ask(asks, args.ask);
    return ask ? answer_ask(*ask, args, console) : console.report(ask.error());
  }
  if (args.json) {
    for (const AskView& view : asks) print(fmt::format("{}\n", ask_json(view).dump()));
  } else if (asks.empty()) {
    print("Nothing waits for you.\n");
  } else {
    print(asks_text(console.out, asks, home_option(args)));
  }
  return kExitDone;
}

}  // namespace ragent::cli
