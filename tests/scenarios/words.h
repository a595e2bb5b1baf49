// Words: reads one line of a scenario file from left to right. The first mistake is kept; after it
// everything answers an empty value, so a line is read without a check at every word.
//
//   Words line("start \"Book it.\" as b");
//   line.is("start");                        // true, and the word is taken
//   std::string text = line.text("the input");
//   if (!line.error().empty()) …
//
// A value; any thread.
#pragma once

#include <ragent/json.h>

namespace ragent::scenarios {

class Words {
 public:
  explicit Words(std::string_view line);

  bool done() const { return rest_.empty(); }
  bool is(std::string_view word);  // takes the next word when it is this one
  std::string word(std::string_view what);
  std::string text(std::string_view what);  // a word, or a string in quotes
  Json json(std::string_view what);         // an object, array, string or word such as true
  std::int64_t number(std::string_view what);
  std::chrono::milliseconds time(std::string_view what);  // 500ms, 2s, 1h
  std::string rest();
  // "expected WHAT, got REST".
  void wrong(std::string_view what);
  void end();  // nothing may follow
  const std::string& error() const { return error_; }

 private:
  std::string_view take(std::size_t length);

  std::string_view rest_;
  std::string error_ = {};
};

}  // namespace ragent::scenarios
