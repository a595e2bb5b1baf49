#include <api/client.h>

#include <base/written_json.h>

#include <limits>

#include <fmt/core.h>

namespace ragent::api {
namespace {

bool lost(const Error& error) { return error.kind == ErrorKind::unavailable; }

Result<Json> read(const HttpResponse& response) {
  Result<Json> json = parse_written_json(response.body);
  if (response.status >= 400) return fail(read_problem(json.value_or(Json()), response.status));
  if (!json) return fail(within("the answer of the home's owner", std::move(json.error())));
  return json;
}

}  // namespace

Result<HttpClient*> Client::http() {
  if (http_) return http_.get();
  Result<HomeSocket> socket = HomeSocket::of(home_);
  if (!socket) {
    return fail(ErrorKind::unavailable, std::move(socket.error().message));
  }
  socket_.emplace(std::move(*socket));
  http_ = make_http_client(loop_, {.unix_socket = socket_->path()});
  return http_.get();
}

HttpCall Client::call_of(Asking asking) const {
  HttpCall call{.request = {.method = std::move(asking.method),
                            .url = "http://localhost" + asking.path,
                            .body = std::move(asking.body)},
                .connect_max = limits::kTakeOverTime,
                .silence_max = limits::kOwnerTimeMax};
  if (call.request.method == "POST") call.request.headers.set("content-type", asking.type);
  return call;
}

Task<Owner> Client::owner(std::chrono::milliseconds time_max) {
  HttpClient* client = co_await http();
  HttpCall call = call_of({.path = "/v1/owner"});
  call.time_max = time_max;
  const HttpResponse response = co_await client->send(std::move(call));
  Owner owner = co_await read_owner(co_await read(response));
  if (owner.api != kVersion) {
    co_await fail(
        ErrorKind::conflict,
        fmt::format("process {}, which owns the home {}, is ragent {} with version {} of "
                    "the API; this is ragent {} with version {}: use the same one, or "
                    "end that process",
                    owner.pid, home_, owner.version, owner.api, RAGENT_VERSION, kVersion));
  }
  co_return owner;
}

Task<Client::Said> Client::ask(Asking asking) {
  Result<HttpClient*> client = http();
  if (!client) co_return Said{.lost = true, .json = fail(std::move(client.error()))};
  HttpCall call = call_of(std::move(asking));
  call.time_max = limits::kOwnerTimeMax;
  Result<HttpResponse> response = co_await (*client)->send(std::move(call)).result();
  if (response) co_return Said{.json = read(*response)};
  const bool gone = lost(response.error());
  co_return Said{.lost = gone, .json = fail(std::move(response.error()))};
}

Task<Client::Said> Client::stream(Asking asking, SseReader::OnEvent on_event,
                                  std::function<bool()> wanted) {
  Result<HttpClient*> client = http();
  if (!client) co_return Said{.lost = true, .json = fail(std::move(client.error()))};
  HttpCall call = call_of(std::move(asking));
  call.body_max = std::numeric_limits<std::size_t>::max();  // each event has its bound
  auto reader = std::make_shared<SseReader>();  // both shared with the call, which may outlive us
  auto refusal = std::make_shared<HttpResponse>();
  call.on_body = [reader, refusal, on_event = std::move(on_event), wanted = std::move(wanted)](
                     const HttpResponse& head, std::string_view bytes) -> Result<void> {
    if (!wanted()) return fail(ErrorKind::cancelled, "nobody listens to the run any more");
    if (head.status < 400) return reader->feed(bytes, on_event);
    refusal->status = head.status;
    if (refusal->body.size() + bytes.size() > limits::kJsonBytesMax) {
      return fail(ErrorKind::invalid, "the answer of the home's owner is too large");
    }
    refusal->body += bytes;
    return {};
  };
  Result<HttpResponse> response = co_await (*client)->send(std::move(call)).result();
  if (refusal->status >= 400) co_return Said{.json = read(*refusal)};
  if (!response) {
    const bool gone = lost(response.error());
    co_return Said{.lost = gone, .json = fail(std::move(response.error()))};
  }
  co_return Said{.lost = true,
                 .json = fail(ErrorKind::unavailable, "the owner of the home ended the events")};
}

}  // namespace ragent::api
