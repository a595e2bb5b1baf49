// Grammar: what a model may write, byte by byte, and a Matcher that follows it. It knows JSON
// Schema and the shape of a reply; it does not know tokens. Values of one thread.
//
//   Grammar grammar = reply_grammar({.offers = request.offers, .answer = true});
//   Matcher matcher(grammar);
//   matcher.forced();               // "{\"": what must come next, whatever the model thinks
//   matcher.accept("{\"tool\": ");  // false: not what the grammar allows; nothing changed
//   matcher.done();                 // the reply is complete and nothing may follow
//
// A grammar is a finite automaton (Thompson 1968, "Regular expression search algorithm"): schemas
// hold no recursion, so none is needed, and a step rebuilds it in microseconds.
#pragma once

#include <ragent/model.h>

namespace ragent {

class Grammar {
 public:
  using State = std::uint32_t;
  static constexpr State kStart = 0;
  // With so many states, items and characters are no longer counted: what a schema says of their
  // number holds for the rest of it no more.
  static constexpr std::size_t kStatesMax = std::size_t{1} << 17;

  Grammar() : nodes_(1) {}
  // Each adds to what begins at `from` and answers where that ends.
  State literal(State from, std::string_view text);
  State one_of(State from, std::string_view bytes);
  State digits(State from, std::size_t min, std::size_t max);
  State any_of(State from, const std::vector<std::string>& texts);
  State string(State from, std::size_t min, std::size_t max);  // JSON, quoted; max 0: no bound
  // A value of a JSON Schema: object, string, number, integer, boolean, null, array, enum, const,
  // anyOf, additionalProperties, minLength, maxLength, minItems, maxItems, minimum >= 0,
  // `format: date`. What it does not know it lets through as any JSON value.
  State value(State from, const Json& schema, std::size_t depth = 0);

  State add();  // a state nothing leads to yet
  void link(State from, State to) { nodes_[from].links.push_back(to); }
  void range(State from, unsigned char low, unsigned char high, State to) {
    nodes_[from].edges.push_back({low, high, to});
  }
  // A reply is complete there. Nothing is added afterwards: ways that lead nowhere are cut.
  void end(State state);
  bool possible() const;  // some reply is
  std::size_t size() const { return nodes_.size(); }

 private:
  friend class Matcher;
  struct Edge {
    unsigned char low;
    unsigned char high;
    State to;
  };
  struct Node {
    std::vector<Edge> edges = {};
    std::vector<State> links = {};
  };
  bool full() const { return size() >= kStatesMax; }
  State character(State from, bool space);
  State number(State from, const Json& schema, bool integer);
  State date(State from);
  State array(State from, const Json& schema, std::size_t depth);
  State object(State from, const Json& schema, std::size_t depth);
  State typed(State from, const Json& schema, std::string_view type, std::size_t depth);

  std::vector<Node> nodes_;
  State end_ = kStart;
};

// Which replies are right at this step.
struct ReplyForm {
  const std::vector<Offer>& offers;
  const Json* schema = nullptr;  // of the answer; null: a text
  bool tools = true;  // {"tool": name, "args": {…}}
  bool answer = true;  // {"answer": …}
};
Grammar reply_grammar(const ReplyForm& form);
Grammar schema_grammar(const Json& schema);  // a bare value of the schema

class Matcher {
 public:
  explicit Matcher(const Grammar& grammar);
  bool accept(std::string_view bytes);  // all of them, or nothing changes
  bool accepts(std::string_view bytes) const;
  std::string forced() const;  // the bytes that must come next
  bool complete() const { return ends(set_); }  // it may end here
  bool done() const;  // it must

 private:
  using Set = std::vector<Grammar::State>;
  void close(Set& set) const;  // follows the links
  Set advance(const Set& set, unsigned char byte) const;
  bool ends(const Set& set) const;

  const Grammar& grammar_;
  Set set_;
};

// One line as the models saw it in training: a space after ':' and ','.
std::string spaced(const Json& json);

}  // namespace ragent
