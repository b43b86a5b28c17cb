// Whole numbers from JSON of any origin. The library's own conversion takes 1e300 for an int, which is undefined, and
// lane 65536 for lane 0. For .cc files of those who link nlohmann_json.
#pragma once

#include <nlohmann/json.hpp>
#include <utility>

namespace tapedeck::core {

// Throws Json::exception where `json` is no whole number or not in the range of T.
template <class T, class Json>
[[nodiscard]] T integer(const Json& json) {
  const bool fits = json.is_number_unsigned()
                        ? std::in_range<T>(json.template get<uint64_t>())
                        : json.is_number_integer() && std::in_range<T>(json.template get<int64_t>());
  if (!fits) throw Json::out_of_range::create(406, "a value is no whole number, or one out of range", &json);
  return json.template get<T>();
}

template <class T, class Json>
void read_integer(const Json& json, T& out) {
  out = integer<T>(json);
}

}  // namespace tapedeck::core
