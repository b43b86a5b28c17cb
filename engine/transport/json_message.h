// The small messages of our protocols are JSON objects: they are rare, and a stranger can read them off the wire.
// Private to this layer's .cc files.
#pragma once

#include "engine/core/bytes.h"
#include "engine/core/json.h"
#include "engine/core/status.h"

namespace tapedeck::transport {

using Json = nlohmann::json;

inline constexpr int kProtocolVersion = 0;

[[nodiscard]] inline std::string to_text(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

// T from the bytes of a JSON object of our version through `convert`; an error where it is none or lacks something.
template <class T, class Convert>
[[nodiscard]] core::Result<T> parse_json(core::Bytes bytes, Convert&& convert) {
  const Json json = Json::parse(core::as_text(bytes), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return core::fail("no JSON object");
  try {
    if (const int version = core::integer<int>(json.at("version")); version != kProtocolVersion) {
      return core::fail("protocol version {}; this program speaks {}", version, kProtocolVersion);
    }
    return convert(json);
  } catch (const Json::exception& error) {
    return core::fail("{}", error.what());
  }
}

}  // namespace tapedeck::transport
