// The trace of a run as one self-contained HTML page: no script, nothing from outside, everything
// that came from a model, a tool or a person escaped.
//
//   write_output("trace.html", trace_html(view));
//
// Pure; any thread.
#pragma once

#include <runtime/view.h>

namespace ragent::cli {

std::string trace_html(const RunView& view);
std::string escape_html(std::string_view text);

}  // namespace ragent::cli
