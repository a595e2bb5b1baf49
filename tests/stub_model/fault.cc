#include <stub_model/fault.h>

#include <ragent/limits.h>

#include <fmt/format.h>

namespace ragent::stub {

namespace {

using enum FaultKind;
using enum Outcome;

void add_statuses(std::vector<FaultCase>& cases) {
  for (const int code :
       {400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529}) {
    cases.push_back({.name = std::to_string(code), .fault = {.kind = status, .status = code}});
  }
  for (const int code : {301, 302, 307, 308}) {
    cases.push_back(
        {.name = std::to_string(code),
         .fault = {.kind = status, .status = code, .text = "http://127.0.0.1:9/elsewhere"}});
  }
  const std::pair<RetryForm, std::string_view> forms[] = {
      {RetryForm::seconds, "seconds"},   {RetryForm::date, "date"},
      {RetryForm::milliseconds, "ms"},   {RetryForm::fraction, "fraction"},
      {RetryForm::zero, "zero"},         {RetryForm::past, "past"},
      {RetryForm::negative, "negative"}, {RetryForm::garbage, "garbage"},
      {RetryForm::huge, "huge"}};
  for (const auto& [form, name] : forms) {
    cases.push_back({.name = fmt::format("429 {}", name),
                     .fault = {.kind = status, .status = 429, .retry = form}});
  }
  cases.push_back({.name = "503 seconds",
                   .fault = {.kind = status, .status = 503, .retry = RetryForm::seconds}});
  const std::pair<ErrorBody, std::string_view> bodies[] = {{ErrorBody::html, "html"},
                                                           {ErrorBody::empty, "empty"},
                                                           {ErrorBody::huge, "huge"},
                                                           {ErrorBody::half, "half"}};
  for (const auto& [body, name] : bodies) {
    cases.push_back({.name = fmt::format("502 {}", name),
                     .fault = {.kind = status, .status = 502, .error = body}});
  }
  cases.push_back({.name = "429 no quota",
                   .fault = {.kind = status, .status = 429, .error = ErrorBody::no_quota}});
  cases.push_back({.name = "wrong shape", .fault = {.kind = wrong_shape}});
  cases.push_back({.name = "no http", .fault = {.kind = no_http}});
}

void add_connections(std::vector<FaultCase>& cases, std::size_t at) {
  cases.push_back({.name = "close before head", .fault = {.kind = close_before_head}});
  cases.push_back({.name = "reset before head", .fault = {.kind = reset_before_head}});
  cases.push_back({.name = "reset in head", .fault = {.kind = reset_in_head}});
  cases.push_back({.name = "silent", .fault = {.kind = silent}, .hangs = true});
  cases.push_back({.name = "slow",
                   .fault = {.kind = slow, .delay = std::chrono::milliseconds(30)},
                   .streamed = reply,
                   .plain = reply});
  cases.push_back({.name = "huge head", .fault = {.kind = huge_head}});
  const std::pair<Cut, std::string_view> cuts[] = {{Cut::eof, "eof"},
                                                   {Cut::clean, "clean"},
                                                   {Cut::short_length, "short length"},
                                                   {Cut::open_chunk, "open chunk"},
                                                   {Cut::no_last_chunk, "no last chunk"},
                                                   {Cut::reset, "reset"}};
  for (const auto& [cut, name] : cuts) {
    cases.push_back({.name = fmt::format("truncated {}", name),
                     .fault = {.kind = truncated, .at = at, .cut = cut}});
  }
  cases.push_back({.name = "truncated at once", .fault = {.kind = truncated, .cut = Cut::clean}});
  cases.push_back({.name = "stalled", .fault = {.kind = stalled, .at = at}, .hangs = true});
  cases.push_back({.name = "stalled after head", .fault = {.kind = stalled}, .hangs = true});
  cases.push_back({.name = "endless", .fault = {.kind = endless}, .hangs = true});
}

void add_heads(std::vector<FaultCase>& cases) {
  const auto works = [&](std::string name, Fault fault) {
    cases.push_back(
        {.name = std::move(name), .fault = std::move(fault), .streamed = reply, .plain = reply});
  };
  works("http 1.0", {.kind = http_1_0});
  cases.push_back({.name = "type html", .fault = {.kind = content_type, .text = "text/html"}});
  cases.push_back({.name = "type text", .fault = {.kind = content_type, .text = "text/plain"}});
  cases.push_back({.name = "no type", .fault = {.kind = content_type}});
  // A client that asked for no encoding reads what came; one that did cannot.
  cases.push_back(
      {.name = "false gzip", .fault = {.kind = false_gzip}, .streamed = either, .plain = either});
  works("plain for stream", {.kind = plain_for_stream});
  works("single bytes", {.kind = single_bytes});
}

void add_texts(std::vector<FaultCase>& cases) {
  cases.push_back(
      {.name = "bad utf-8", .fault = {.kind = bad_utf8}, .streamed = either, .plain = either});
  cases.push_back({.name = "bad json", .fault = {.kind = bad_json}});
  cases.push_back({.name = "deep json", .fault = {.kind = deep_json}});
  cases.push_back(
      {.name = "huge line", .fault = {.kind = huge_line, .at = limits::kJsonBytesMax + 1}});
  cases.push_back({.name = "byte order mark",
                   .fault = {.kind = byte_order_mark},
                   .streamed = reply,
                   .plain = either});
  const auto streamed = [&](std::string name, FaultKind kind, Outcome outcome) {
    cases.push_back({.name = std::move(name),
                     .fault = {.kind = kind},
                     .streamed = outcome,
                     .plain = reply,
                     .stream_only = true});
  };
  streamed("crlf", crlf, reply);
  streamed("comments", comments, reply);
  streamed("no end event", no_end_event, error);
  streamed("error in the middle", error_middle, error);
  streamed("error at the end", error_last, error);
  streamed("trailing", trailing, either);
  cases.push_back({.name = "error first", .fault = {.kind = error_first}});
  cases.push_back({.name = "no finish", .fault = {.kind = no_finish}});
}

void add_contents(std::vector<FaultCase>& cases) {
  const auto both = [&](std::string name, FaultKind kind, Outcome outcome) {
    cases.push_back(
        {.name = std::move(name), .fault = {.kind = kind}, .streamed = outcome, .plain = outcome});
  };
  both("no choices", no_choices, error);
  both("two choices", two_choices, either);
  both("no usage", no_usage, reply);
  both("negative usage", negative_usage, either);
  both("arguments cut", arguments_cut, error);
  both("arguments cut by length", arguments_cut_length, either);  // a reply has no such call
  both("arguments a list", arguments_list, error);
  both("arguments words", arguments_words, error);
  both("unknown tool", unknown_tool, reply);  // the Gate answers it
  both("no tool name", no_tool_name, error);
  both("same ids", same_ids, either);
  both("no ids", no_ids, either);
}

}  // namespace

std::vector<FaultCase> fault_cases(std::size_t at) {
  std::vector<FaultCase> cases;
  add_statuses(cases);
  add_connections(cases, at);
  add_heads(cases);
  add_texts(cases);
  add_contents(cases);
  return cases;
}

}  // namespace ragent::stub
