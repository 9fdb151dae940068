#pragma once
#include <string>

namespace sallyport {

// Overwrites the text's memory.
void wipe(std::string& text);

}  // namespace sallyport
