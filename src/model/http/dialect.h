// Dialect: how one family of endpoints speaks over HTTP. It alone turns a ModelRequest into a
// request's bytes and a response's bytes into a Reply; it sends nothing and remembers nothing.
//
//   const Dialect& dialect = openai_chat();
//   HttpRequest request = co_await dialect.request({.base_url = "https://api.openai.com/v1",
//                                                   .model = "gpt-4o", .request = asked});
//   std::unique_ptr<ReplyReader> reader = co_await dialect.reader(head);
//   co_await reader->feed(bytes, deltas);  …  Reply reply = co_await reader->finish();
//
// Values and stateless objects; any thread.
#pragma once

#include <net/http.h>
#include <ragent/model.h>

#include <memory>
#include <string>
#include <string_view>

namespace ragent {

// One call to one model of an endpoint.
struct WireCall {
  std::string_view base_url = {};  // without a slash at its end: "https://api.openai.com/v1"
  std::string_view key = {};       // of the account; empty: none is sent
  std::string_view model = {};     // as the endpoint calls it
  const ModelRequest& request;
  bool stream = true;
};

// Reads one response of status 2xx, as its bytes come. A reply counts only when the endpoint said
// that it is whole (its end event, or for a plain response a body that parses and has a reason to
// have ended): whatever ends earlier is Error{unavailable}, so no call comes from half a reply.
class ReplyReader {
 public:
  virtual ~ReplyReader() = default;
  // Error{unavailable}: this is not what the dialect speaks, or an error event of the endpoint
  // (of the kind that the same error has as a response: wire::error_of).
  virtual Result<void> feed(std::string_view bytes, const DeltaSink& deltas) = 0;
  virtual Result<Reply> finish() = 0;  // the body has ended; once
};

class Dialect {
 public:
  virtual ~Dialect() = default;
  // "chat", "responses" or "anthropic".
  virtual std::string_view name() const = 0;
  // Error{invalid}: something of the request cannot be said in this dialect.
  virtual Result<HttpRequest> request(const WireCall& call) const = 0;
  // By the content type of the response's head: event stream or JSON, whatever was asked for.
  // Error{unavailable} of another type: what stands at that URL is no such endpoint.
  virtual Result<std::unique_ptr<ReplyReader>> reader(const HttpResponse& head) const = 0;
  // The request that lists the models: GET BASE/models with the same credentials. All three
  // dialects answer {"data": [{"id": NAME}, …]}.
  virtual HttpRequest list_models(std::string_view base_url, std::string_view key) const = 0;
};

const Dialect& openai_chat();       // POST BASE/chat/completions
const Dialect& openai_responses();  // POST BASE/responses
const Dialect& anthropic();         // POST BASE/messages

}  // namespace ragent
