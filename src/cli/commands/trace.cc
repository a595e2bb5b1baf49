// ragent trace: how a run went, read beside a living owner.
#include <base/file.h>
#include <cli/commands.h>
#include <cli/home.h>
#include <cli/html.h>
#include <cli/render.h>

namespace ragent::cli {

int trace_command(const Args& args, const Console& console) {
  Result<RunRow> row = find_run_in(home_of(args), args.run);
  if (!row) return console.report(row.error());
  Result<std::unique_ptr<Store>> store = read_home(home_of(args));
  if (!store) return console.report(store.error());
  Result<RunView> view = view_run(**store, Tenant(), row->uid);
  if (!view) return console.report(view.error());
  if (args.jsonl) {
    for (const Record& record : view->records) {
      print(record_json(record, row->uid).dump() + "\n");
    }
    return kExitDone;
  }
  if (args.html.empty()) {
    print(trace_text(console.out, *view));
    return kExitDone;
  }
  Result<void> written = write_output(args.html, trace_html(*view));
  if (!written) return console.report(written.error());
  print(one_line(args.html) + "\n");
  return kExitDone;
}

}  // namespace ragent::cli
