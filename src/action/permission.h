// permission: may this agent use this tool, and what is a person asked before it does.
//
//   permission_for(agent.permissions, spec)                    // Permission::ask
//   fill_template("Book {flight}?", {"flight": "BA117"})       // "Book BA117?"
//
// Pure; any thread.
#pragma once

#include <ragent/agent.h>

namespace ragent {

// Of a tool that the agent lists: listing allows it, with `ask` where its spec says so; the
// strictest permission for its name or "*" counts (deny > ask > allow). A tool that is not listed
// is denied by not being found.
Permission permission_for(const std::vector<std::pair<std::string, Permission>>& permissions,
                          const ToolSpec& spec);

// Each {argument} replaced by its value, on one line and shortened. A name that is no argument
// stays as it is, and no replaced text is looked at again.
std::string fill_template(std::string_view text, const Json& arguments);

}  // namespace ragent
