// RequestParser: HTTP/1 requests from bytes, strictly (llhttp), within limits that are checked
// before memory is taken. One request at a time: what follows it stays with the caller.
//
//   rest.remove_prefix(parser.feed(rest));       // until done() or refused()
//   HttpRequest request = std::move(parser.request());
//   parser.next();                               // the request is no longer in memory
//
// One owner; any thread.
#pragma once

#include <net/http.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ragent {

// What the bodies of all requests of a server take: their parsers share it.
struct BodyRoom {
  std::size_t max = 0;
  std::size_t used = 0;
};

class RequestParser {
 public:
  struct Refusal {
    int status = 400;
    std::string why = {};
  };
  RequestParser(std::size_t head_max, std::size_t body_max, BodyRoom& room);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  std::size_t feed(std::string_view bytes);  // how many it took
  void next();

  bool begun() const { return begun_; }  // something of a request came
  bool head_whole() const { return head_whole_; }
  bool done() const { return done_; }
  const std::optional<Refusal>& refused() const { return refusal_; }
  bool keep_alive() const { return keep_alive_; }
  bool http_1_0() const { return http_1_0_; }
  // Once: the head asks to be told that the body may come, and nothing of it came yet.
  bool take_expectation();
  HttpRequest& request() { return request_; }

 private:
  struct Callbacks;
  int refuse(int status, std::string why);
  int count(std::size_t bytes);
  int on_url(std::string_view bytes);
  int on_field(std::string_view bytes);
  int on_value(std::string_view bytes);
  int on_header();
  int on_head();
  int on_body(std::string_view bytes);
  int too_large();
  bool make_room(std::size_t size);  // for so large a body
  int on_done();
  int check_framing();
  int check_target();

  const std::size_t head_max_;
  const std::size_t body_max_;
  BodyRoom& room_;
  std::size_t taken_ = 0;          // of it
  std::size_t body_expected_ = 0;  // at most so many bytes
  std::unique_ptr<Callbacks> llhttp_;
  HttpRequest request_ = {.method = {}};
  std::string name_ = {};
  std::string value_ = {};
  std::size_t counted_ = 0;  // bytes of names, values, target, trailers and chunk extensions
  std::size_t fed_ = 0;      // bytes of any kind
  std::optional<Refusal> refusal_ = {};
  bool begun_ = false;
  bool head_whole_ = false;
  bool done_ = false;
  bool keep_alive_ = false;
  bool http_1_0_ = false;
  bool expects_ = false;
};

}  // namespace ragent
