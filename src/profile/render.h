// Rendering of a Profile: the stable beginning of every transcript. The same Profile gives the same
// bytes, so a model can keep what it has evaluated of them.
//
//   chat.add(Message::of(Role::system, render(spec.profile)));
//   for (Message& message : example_messages(spec.profile)) chat.add(std::move(message));
//
// The list of tools is the model's part: each has its own way to show them. Pure; any thread.
#pragma once

#include <ragent/model.h>
#include <ragent/profile.h>

namespace ragent {

// Who the agent is, what it is told, what it wants, what it must or must never do: a line each,
// short because a weak model pays for every word.
std::string render(const Profile& profile);

// The examples as turns that look as if they had happened: user, call, observation, …, answer.
// All are `stable`.
std::vector<Message> example_messages(const Profile& profile);

}  // namespace ragent
