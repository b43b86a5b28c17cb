#include "capture/summary.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/core/parse.h"

namespace tapedeck::capture {
namespace {

using core::format_count;
using Json = nlohmann::ordered_json;

// Calls f(name, counts) for each protocol that had packets.
template <class F>
void for_each_protocol(const Summary& summary, F&& f) {
  for (size_t i = 0; i < feed::kProtocolCount; ++i) {
    const feed::ProtocolCounts& counts = summary.feed.by_protocol[i];
    if (counts.packets > 0) f(feed::protocol_name(static_cast<feed::Protocol>(i)), counts);
  }
}

// Calls f(reason, count) for each reason that occurred.
template <class F>
void for_each_skip(const Summary& summary, F&& f) {
  for (size_t i = 0; i < feed::kSkipCount; ++i) {
    const uint64_t count = summary.packets.skipped[i];
    if (count > 0) f(feed::skip_name(static_cast<feed::Skip>(i)), count);
  }
}

// "1 packet", "2 packets".
std::string plural(uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", format_count(count), noun, count == 1 ? "" : "s");
}

// What is worth a line only where it happened.
std::string exceptions(const Summary& summary) {
  std::string text;
  const auto line = [&text](std::string_view name, uint64_t count, std::string_view meaning) {
    if (count > 0) text += fmt::format("{:<10}{} {}\n", name, format_count(count), meaning);
  };
  line("repeated", summary.feed.repeated, "messages whose sequence numbers were passed before");
  line("sessions", summary.feed.new_sessions, "times a flow changed its session");
  line("resets", summary.feed.resets, "times a flow fell back to sequence number 1");
  line("cut", summary.packets.cut_packets, "packets were captured shorter than they were sent");
  line("untracked", summary.untracked_packets, "packets of flows beyond those whose numbers are followed");
  return text;
}

}  // namespace

std::string to_text(const Summary& summary) {
  std::string text = fmt::format("tape      {} ({})\n", summary.tape.string(), core::format_bytes(summary.bytes));
  auto out = std::back_inserter(text);
  const double seconds = static_cast<double>(summary.elapsed_ns) / 1e9;
  fmt::format_to(out, "packets   {} in {} ({})\n", format_count(summary.packets.packets),
                 core::format_duration(summary.elapsed_ns),
                 core::format_rate(seconds > 0 ? static_cast<double>(summary.packets.packets) / seconds : 0));
  fmt::format_to(out, "records   {} in {}\n", format_count(summary.records), plural(summary.topics, "topic"));
  for_each_protocol(summary, [&](std::string_view name, const feed::ProtocolCounts& counts) {
    if (counts.messages == 0 && name == "raw") return;  // those are the unknown
    fmt::format_to(out, "  {:<8}{} in {}\n", name, plural(counts.messages, "message"),
                   plural(counts.packets, "packet"));
  });
  fmt::format_to(out, "unknown   {}\n", plural(summary.feed.unknown, "packet"));
  std::string reasons;
  uint64_t skipped = 0;
  for_each_skip(summary, [&](std::string_view reason, uint64_t count) {
    reasons += fmt::format("{} {} {}", reasons.empty() ? ":" : ",", reason, format_count(count));
    skipped += count;
  });
  fmt::format_to(out, "skipped   {}{}\n", plural(skipped, "packet"), reasons);
  fmt::format_to(out, "lost      {} in {}\n", plural(summary.messages_lost, "message"), plural(summary.gaps, "gap"));
  text += exceptions(summary);
  if (summary.interrupted) text += "interrupted: the tape holds what was read until then\n";
  return text;
}

std::string to_json(const Summary& summary) {
  Json json = {{"tape", summary.tape.string()},
               {"packets", summary.packets.packets},
               {"messages", summary.messages},
               {"records", summary.records},
               {"unknown", summary.feed.unknown},
               {"topics", summary.topics},
               {"gaps", summary.gaps},
               {"messages_lost", summary.messages_lost},
               {"skipped", Json::object()},
               {"by_protocol", Json::object()},
               {"flows", summary.flows},
               {"untracked_packets", summary.untracked_packets},
               {"cut_packets", summary.packets.cut_packets},
               {"heartbeats", summary.feed.heartbeats},
               {"repeated", summary.feed.repeated},
               {"new_sessions", summary.feed.new_sessions},
               {"resets", summary.feed.resets},
               {"bytes", summary.bytes},
               {"seconds", static_cast<double>(summary.elapsed_ns) / 1e9},
               {"damage", summary.damage},
               {"interrupted", summary.interrupted}};
  for_each_skip(summary,
                [&](std::string_view reason, uint64_t count) { json["skipped"][std::string(reason)] = count; });
  for_each_protocol(summary, [&](std::string_view name, const feed::ProtocolCounts& counts) {
    json["by_protocol"][std::string(name)] = {{"packets", counts.packets}, {"messages", counts.messages}};
  });
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tapedeck::capture
