#include "tools/clone_json.h"

#include <fmt/format.h>

#include <charconv>

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex;
}

core::Result<std::string> from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + at, hex.data() + at + 2, byte, 16);
    if (error != std::errc{} || end != hex.data() + at + 2) break;
    bytes.push_back(static_cast<char>(byte));
  }
  if (2 * bytes.size() != hex.size()) return core::fail("'{}' is not hexadecimal", hex);
  return bytes;
}

}  // namespace

void put_bytes(nlohmann::ordered_json& json, const std::string& name, std::string_view bytes) {
  try {
    json[name] = std::string(bytes);
    static_cast<void>(json.dump());
  } catch (const Json::type_error&) {
    json.erase(name);
    json[name + "_hex"] = to_hex(bytes);
  }
}

core::Result<std::string> take_bytes(const nlohmann::ordered_json& json, const std::string& name) {
  if (const auto text = json.find(name); text != json.end() && text->is_string()) return text->get<std::string>();
  const auto hex = json.find(name + "_hex");
  if (hex == json.end() || !hex->is_string()) return core::fail("a line of the dump has no '{}'", name);
  return from_hex(hex->get<std::string>());
}

}  // namespace tapedeck::tools
