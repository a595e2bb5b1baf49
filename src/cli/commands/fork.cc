// ragent fork: a new run that goes on from a step of another one.
#include <base/file.h>
#include <base/text.h>
#include <cli/commands.h>
#include <cli/follow.h>
#include <cli/home.h>
#include <cli/render.h>
#include <cli/weights.h>
#include <ragent/limits.h>

#include <fmt/core.h>

namespace ragent::cli {
namespace {

constexpr std::size_t kEditBytesMax = limits::kInputBytesMax;

Result<std::string> read_edit(const std::string& file) {
  if (file != "-") return read_file(file, kEditBytesMax);
  std::string text;
  char buffer[1u << 14];
  for (;;) {
    const std::size_t got = std::fread(buffer, 1, sizeof buffer, stdin);
    text.append(buffer, got);
    if (text.size() > kEditBytesMax) {
      return fail(ErrorKind::invalid,
                  fmt::format("the edit on standard input has more than {} bytes", kEditBytesMax));
    }
    if (got == 0) return text;
  }
}

// JSON, or text as it stands; what was meant as JSON must not become text because of a slip.
Result<Json> edit_of(const std::string& text) {
  Result<Json> json = parse_json(text);
  if (json) return json;
  if (text.find_first_of("{[\"") == 0) return fail(within("the edit", std::move(json.error())));
  if (!valid_utf8(text)) return fail(ErrorKind::invalid, "the edit: expected JSON or UTF-8 text");
  return Json(text);
}

}  // namespace

int fork_command(const Args& args, const Console& console) {
  Result<RunRow> row = find_run_in(home_of(args), args.run);
  if (!row) return console.report(row.error());
  ForkOptions options{.at = args.step, .model = args.model, .who = user_name()};
  if (!args.edit.empty()) {
    Result<std::string> text = read_edit(args.edit);
    if (!text) return console.report(text.error());
    while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
    Result<Json> edit = edit_of(*text);
    if (!edit) return console.report(edit.error());
    options.edit = std::move(*edit);
  }
  catch_interrupts();
  if (Result<void> here = bring_weights(args.model, console); !here) {
    return console.report(here.error());
  }
  Result<std::unique_ptr<Host>> host = open_home(engine_options(args), args);
  if (!host) return report_home(host.error(), console);
  Result<RunHandle> handle = (*host)->fork(row->uid, std::move(options));
  if (!handle) return console.report(handle.error());
  if (!args.json && !args.quiet) {
    std::string head = dotted(
        console.err, {row->agent, "run " + handle->id(), fork_text(row->uid + "@" + args.step)});
    note(fmt::format("{}\n\n", dim(console.err, head)));
  }
  return follow(**host, *handle, args, console);
}

}  // namespace ragent::cli
