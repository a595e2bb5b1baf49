#include <api/routes.h>

#include <api/begin.h>
#include <base/text.h>
#include <net/sse.h>
#include <runtime/records.h>
#include <runtime/view.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fmt/core.h>

namespace ragent::api {
namespace {

constexpr std::string_view kBeat = ": at work\n\n";

Result<std::uint64_t> number(std::string_view what, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  return fail(ErrorKind::invalid,
              fmt::format("{}: expected a number, got \"{}\"", what, printable(text, 60)));
}

Result<Json> body_of(const HttpRequest& request) {
  Result<Json> json = parse_json(request.body.empty() ? "{}" : std::string_view(request.body));
  if (!json) return fail(within("the body", std::move(json.error())));
  return json;
}

std::string ended_text(const std::string& run, const Event& event, const Result<Answer>& result) {
  Json data = to_json(event);
  const Result<Answer> told = answer_of(run, event.body);
  // Another end than the one that was recorded: the run does not replay.
  if (!result && (told || told.error() != result.error())) {
    data["error"] = problem_body(result.error(), 500);
  }
  return data.dump();
}

// As a stream says it. `ended`: what the result is of, which was told before it.
SseEvent said_of(const std::string& run, const Feed::News& news,
                 const std::optional<Event>& ended) {
  if (news.event) {
    const Json data = to_json(*news.event);
    return {.event = data.text("kind"),
            .id = news.event->id > 0 ? std::to_string(news.event->id) : "",
            .data = data.dump()};
  }
  if (!news.standing.empty()) {
    return {.event = std::string(kStanding), .data = Json::object({{"why", news.standing}}).dump()};
  }
  if (ended) {
    return {.event = std::string(kEnded), .data = ended_text(run, *ended, *news.result)};
  }
  const Error lost{.kind = ErrorKind::internal, .message = "the run's end was not told"};
  const Error& error = *news.result ? lost : news.result->error();
  return {.event = std::string(kFailed), .data = problem_body(error, 500).dump()};
}

}  // namespace

struct Routes::Asked {
  HttpExchange& exchange;
  std::string path = {};
  std::vector<std::pair<std::string, std::string>> query = {};
  std::string name = {};  // of the run, ask or session in the path
  bool method_known = true;  // … there
  bool streaming = false;  // the head of a stream was sent

  const HttpRequest& request() const { return exchange.request(); }
  const std::string* find(std::string_view key) const {
    const auto found = std::ranges::find(query, key, [](const auto& one) { return one.first; });
    return found == query.end() ? nullptr : &found->second;
  }
};

struct Routes::Route {
  std::string_view method;
  std::string_view before;  // the path up to the name; all of it, when it has none
  std::string_view after;   // … and behind it
  bool named;
  Answer answer;
  std::string_view query;  // the one name that may stand there
};

std::span<const Routes::Route> Routes::all() {
  static constexpr std::array<Route, 13> kRoutes = {{
      {"GET", "/v1/owner", "", false, &Routes::owner, ""},
      {"POST", "/v1/runs", "", false, &Routes::start, ""},
      {"GET", "/v1/runs", "", false, &Routes::runs, "limit"},
      {"GET", "/v1/runs/", "/events", true, &Routes::events, "after"},
      {"POST", "/v1/runs/", "/fork", true, &Routes::fork, ""},
      {"POST", "/v1/runs/", "/cancel", true, &Routes::cancel, ""},
      {"POST", "/v1/runs/", "/resolve", true, &Routes::resolve, ""},
      {"GET", "/v1/runs/", "", true, &Routes::run, ""},
      {"GET", "/v1/asks", "", false, &Routes::asks, ""},
      {"POST", "/v1/asks/", "", true, &Routes::decide, ""},
      {"GET", "/v1/sessions", "", false, &Routes::sessions, ""},
      {"GET", "/v1/sessions/", "", true, &Routes::session, ""},
      {"POST", "/v1/artifacts", "", false, &Routes::artifact, ""},
  }};
  return kRoutes;
}

// The route of the request; its path and query are taken apart.
Result<const Routes::Route*> Routes::find(Asked& asked) {
  const std::string_view url = asked.request().url;
  const std::size_t mark = url.find('?');
  asked.path = url.substr(0, mark);
  if (mark != url.npos) {
    for (const std::string_view part : split(url.substr(mark + 1), '&')) {
      const std::size_t equals = part.find('=');
      Result<std::string> value =
          decoded(equals == part.npos ? std::string_view() : part.substr(equals + 1));
      if (!value) return fail(std::move(value.error()));
      asked.query.emplace_back(part.substr(0, equals), std::move(*value));
    }
  }
  std::vector<std::string> methods;
  for (const Route& route : all()) {
    std::string_view path = asked.path;
    if (route.named ? !(path.starts_with(route.before) && path.ends_with(route.after) &&
                        path.size() > route.before.size() + route.after.size())
                    : path != route.before) {
      continue;
    }
    if (asked.request().method != route.method) {
      methods.emplace_back(route.method);
      continue;
    }
    path.remove_prefix(route.before.size());
    path.remove_suffix(route.after.size());
    Result<std::string> name = decoded(path);
    if (!name) return fail(std::move(name.error()));
    asked.name = std::move(*name);
    return &route;
  }
  if (!methods.empty()) {
    asked.method_known = false;
    return fail(ErrorKind::invalid,
                fmt::format("{} takes {}, not {}", printable(asked.path, 200),
                            join(methods, " and "), printable(asked.request().method, 20)));
  }
  return fail(ErrorKind::not_found,
              fmt::format("there is no {}: the API has /v1/owner, /v1/runs, /v1/asks, /v1/sessions "
                          "and /v1/artifacts",
                          printable(asked.path, 200)));
}

Task<void> Routes::answer(HttpExchange& exchange) {
  Asked asked{.exchange = exchange};
  Result<const Route*> route = find(asked);
  if (!route) {
    co_return co_await exchange.respond(asked.method_known ? problem_of(route.error())
                                                           : problem_of(route.error(), 405));
  }
  for (const auto& [name, value] : asked.query) {
    if (name == (*route)->query) continue;
    const std::string_view known = (*route)->query;
    co_return co_await exchange.respond(problem_of(
        Error{.kind = ErrorKind::invalid,
              .message = fmt::format(
                  "{} takes {}, not \"{}\"", printable(asked.path, 200),
                  known.empty() ? "no parameters" : fmt::format("the parameter \"{}\"", known),
                  printable(name, 60))}));
  }
  const bool bytes = (*route)->answer == &Routes::artifact;
  if (!bytes && exchange.request().body.size() > limits::kRequestBodyBytesMax) {
    co_return co_await exchange.respond(problem_of(
        Error{.kind = ErrorKind::invalid,
              .message = fmt::format("the body has {} bytes, at most {} are taken",
                                     exchange.request().body.size(), limits::kRequestBodyBytesMax)},
        413));
  }
  Result<void> done = co_await (this->*(*route)->answer)(asked).result();
  if (done) co_return;
  if (asked.streaming) co_await fail(std::move(done.error()));  // ends the connection
  co_await exchange.respond(problem_of(done.error()));
}

void Routes::stop() {
  stopped_ = true;
  for (Feed* feed : feeds_) feed->interrupt();
}

Task<Json> Routes::read(std::function<Result<Json>(Store&)> body) {
  return blocking([home = parts_.home, body = std::move(body)]() -> Result<Json> {
    Result<std::unique_ptr<Store>> store = open_sqlite_store_read_only(home);
    if (!store) return fail(std::move(store.error()));
    return body(**store);
  });
}

Task<void> Routes::owner(Asked& asked) {
  std::error_code error;
  const Owner owner{.pid = ::getpid(),
                    .version = RAGENT_VERSION,
                    .home = std::filesystem::absolute(parts_.home, error).string()};
  co_await asked.exchange.respond(json_response(to_json(owner)));
}

// ---- runs

Task<void> Routes::start(Asked& asked) {
  const Json body = co_await body_of(asked.request());
  StartRequest start = co_await read_start(body);
  if (!start.agent.starts_with('/')) {
    co_await fail(ErrorKind::invalid,
                  fmt::format("\"agent\": expected the absolute path of an agent's folder, got "
                              "\"{}\"",
                              printable(start.agent, 200)));
  }
  const OnBusy on_busy = start.options.on_busy;
  RunHandle handle =
      co_await blocking([&engine = parts_.engine, start = std::move(start)]() mutable {
        return start_on(engine, std::move(start));
      });
  if (wants_stream(body)) {
    co_return co_await stream(asked, co_await Feed::of(parts_, std::move(handle), on_busy));
  }
  co_await asked.exchange.respond(
      json_response(Json::object({{"run", handle.id()}, {"session", handle.session()}}), 201));
}

Task<void> Routes::fork(Asked& asked) {
  ForkOptions options = co_await read_fork(co_await body_of(asked.request()));
  const Forked forked =
      co_await blocking([&engine = parts_.engine, run = asked.name, options = std::move(options)] {
        return fork_on(engine, run, options);
      });
  co_await asked.exchange.respond(json_response(to_json(forked), 201));
}

Task<void> Routes::runs(Asked& asked) {
  std::uint64_t limit = limits::kRunsShownDefault;
  if (const std::string* said = asked.find("limit")) limit = co_await number("limit", *said);
  const Json out = co_await read([limit](Store& store) -> Result<Json> {
    Result<std::vector<RunRow>> rows = list_runs(store, Tenant());
    if (!rows) return fail(std::move(rows.error()));
    Json::Array list;
    for (const RunRow& row : *rows) {
      if (list.size() == limit) break;
      list.push_back(to_json(row));
    }
    return Json::object({{"runs", std::move(list)}});
  });
  co_await asked.exchange.respond(json_response(out));
}

Task<void> Routes::run(Asked& asked) {
  const Json out = co_await read([name = asked.name](Store& store) -> Result<Json> {
    Result<RunRow> row = find_run(store, Tenant(), name);
    if (!row) return fail(std::move(row.error()));
    return to_json(*row);
  });
  co_await asked.exchange.respond(json_response(out));
}

Task<void> Routes::events(Asked& asked) {
  std::uint64_t after = 0;
  if (const std::string* last = asked.request().headers.find("last-event-id")) {
    after = co_await number("Last-Event-ID", *last);
  }
  if (const std::string* said = asked.find("after")) after = co_await number("after", *said);
  co_await stream(asked, co_await Feed::attach(parts_, asked.name, after));
}

Task<void> Routes::stream(Asked& asked, std::unique_ptr<Feed> feed) {
  struct Listed {
    Listed(std::set<Feed*>& of, Feed* one) : feeds(of), feed(one) { feeds.insert(feed); }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { feeds.erase(feed); }
    std::set<Feed*>& feeds;
    Feed* feed;
  };
  const Listed listed(feeds_, feed.get());
  if (stopped_) feed->interrupt();
  asked.streaming = true;
  co_await asked.exchange.begin(
      {.headers = {{"content-type", "text/event-stream"}, {"cache-control", "no-store"}}});
  const Json names = Json::object({{"run", feed->run()}, {"session", feed->session()}});
  co_await asked.exchange.write(
      co_await sse_text({.event = std::string(kOpened), .data = names.dump()}));
  std::optional<Event> ended;  // said together with its result, which comes next
  for (;;) {
    const std::optional<Feed::News> news =
        co_await feed->next(parts_.loop.now() + limits::kStreamBeat);
    if (feed->interrupted()) co_return;
    if (!news) {
      co_await asked.exchange.write(kBeat);
    } else if (news->event && news->event->kind == Event::Kind::ended) {
      ended = news->event;
    } else {
      co_await asked.exchange.write(co_await sse_text(said_of(feed->run(), *news, ended)));
      if (news->result) co_return;
    }
  }
}

Task<void> Routes::cancel(Asked& asked) {
  std::string reason = co_await read_reason(co_await body_of(asked.request()));
  co_await blocking([&engine = parts_.engine, run = asked.name, reason = std::move(reason)] {
    return engine.cancel(run, reason);
  });
  co_await asked.exchange.respond(json_response(Json::object({})));
}

Task<void> Routes::resolve(Asked& asked) {
  Resolve said = co_await read_resolve(co_await body_of(asked.request()));
  co_await blocking([&engine = parts_.engine, run = asked.name, said = std::move(said)] {
    return engine.resolve(run, said.step, said.resolution);
  });
  co_await asked.exchange.respond(json_response(Json::object({})));
}

// ---- asks, sessions, artifacts

Task<void> Routes::asks(Asked& asked) {
  const std::vector<Ask> asks =
      co_await blocking([&engine = parts_.engine] { return engine.asks(); });
  Json::Array list;
  for (const Ask& ask : asks) list.push_back(to_json(ask));
  co_await asked.exchange.respond(json_response(Json::object({{"asks", std::move(list)}})));
}

Task<void> Routes::decide(Asked& asked) {
  Decision decision = co_await read_decision(co_await body_of(asked.request()));
  co_await blocking([&engine = parts_.engine, ask = asked.name, decision = std::move(decision)] {
    return engine.answer(ask, decision);
  });
  co_await asked.exchange.respond(json_response(Json::object({})));
}

Task<void> Routes::sessions(Asked& asked) {
  const Json out = co_await read([](Store& store) -> Result<Json> {
    Result<std::vector<SessionRow>> rows = store.tenants().sessions(Tenant());
    if (!rows) return fail(std::move(rows.error()));
    Json::Array list;
    for (const SessionRow& row : *rows) list.push_back(to_json(row));
    return Json::object({{"sessions", std::move(list)}});
  });
  co_await asked.exchange.respond(json_response(out));
}

Task<void> Routes::session(Asked& asked) {
  const Json out = co_await read([name = asked.name](Store& store) -> Result<Json> {
    Result<std::vector<Turn>> turns = store.tenants().turns(Tenant(), name, 1);
    if (!turns) return fail(std::move(turns.error()));
    Result<std::vector<RunRow>> runs = list_runs(store, Tenant());
    if (!runs) return fail(std::move(runs.error()));
    if (turns->empty() && std::ranges::find(*runs, name, &RunRow::session) == runs->end()) {
      return fail(ErrorKind::not_found,
                  fmt::format("there is no session \"{}\"", printable(name, 80)));
    }
    Json::Array list;
    for (const Turn& turn : *turns) list.push_back(to_json(turn));
    return Json::object({{"session", name}, {"turns", std::move(list)}});
  });
  co_await asked.exchange.respond(json_response(out));
}

Task<void> Routes::artifact(Asked& asked) {
  std::string id = co_await blocking(
      [&engine = parts_.engine, bytes = asked.request().body] { return engine.artifact(bytes); });
  co_await asked.exchange.respond(json_response(Json::object({{"artifact", id}}), 201));
}

}  // namespace ragent::api
