// `tapedeck clone`: the shared key-value cache on the command line. `serve` is the server; the others are clients that
// join, do one thing and go.
#include <fmt/format.h>
#include <sys/resource.h>

#include <charconv>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/clone/client.h"
#include "engine/clone/server.h"
#include "engine/core/parse.h"
#include "tools/commands.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;
using core::ExitCode;

constexpr int kLoadedAtATime = 10'000;  // updates that are not confirmed yet
const std::map<std::string, clone::Collector> kCollectors = {{"sub", clone::Collector::kSub},
                                                             {"pull", clone::Collector::kPull}};

struct ServeOptions {
  clone::ServerOptions server;
  std::string collector = "sub";
  std::string hold = "50ms";
  std::string keys_max = "10M";
  std::string value_max = "1MiB";
  bool json = false;
};

struct ClientCommand {
  clone::ClientOptions client;
  std::string collector = "sub";
  std::string on_gap = "resync";
  std::string silence = "5s";
  std::string timeout = "10s";
  int64_t timeout_ns = 0;
  uint64_t sync_at = 0;  // 0: not asked for
  std::string key;
  std::string value;
  int64_t ttl_s = 0;
  std::string file;
  uint64_t count = 0;  // of changes; 0 for ever
  bool json = false;
  bool values = false;
};

// --- serve

// Each client takes two file handles while it joins.
void allow_all_handles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Json to_json(const clone::ServerCounters& counters, const clone::Store& store) {
  Json malformed = Json::object();
  for (size_t i = 1; i < clone::kFaults; ++i) {
    malformed[std::string(clone::fault_name(static_cast<clone::Fault>(i)))] = counters.faults[i];
  }
  const clone::SnapshotCounters& snapshots = counters.snapshots;
  return {{"sequence", store.sequence()},
          {"keys", store.table().size()},
          {"updates", counters.updates},
          {"expired", counters.expired},
          {"repeated", counters.repeated},
          {"refused", counters.refused},
          {"malformed", malformed},
          {"snapshots",
           {{"requests", snapshots.requests},
            {"finished", snapshots.finished},
            {"malformed", snapshots.malformed},
            {"repeated", snapshots.repeated},
            {"refused", snapshots.refused},
            {"gone", snapshots.gone},
            {"stalled", snapshots.stalled}}}};
}

void print_for_people(const clone::ServerCounters& counters, const clone::Store& store) {
  uint64_t malformed = counters.snapshots.malformed;
  for (const uint64_t count : counters.faults) malformed += count;
  fmt::print("state     {} keys at sequence {}\n", core::format_count(store.table().size()), store.sequence());
  fmt::print("updates   {} applied, {} expired, {} repeated, {} refused\n", core::format_count(counters.updates),
             core::format_count(counters.expired), core::format_count(counters.repeated),
             core::format_count(counters.refused));
  fmt::print("snapshots {} of {} requests\n", core::format_count(counters.snapshots.finished),
             core::format_count(counters.snapshots.requests));
  fmt::print("dropped   {} malformed messages\n", core::format_count(malformed));
}

core::Result<ExitCode> serve(ServeOptions options) {
  const core::StopFlag& stop = core::stop_on_signals();
  allow_all_handles();
  options.server.collector = kCollectors.at(options.collector);
  TD_ASSIGN(options.server.hold_ns, core::parse_duration_ns(options.hold));
  TD_ASSIGN(options.server.limits.keys_max, core::parse_count(options.keys_max));
  TD_ASSIGN(options.server.limits.value_bytes_max, core::parse_bytes(options.value_max));
  TD_ASSIGN(const auto server, clone::Server::bind(options.server));
  const int port = server->port();
  fmt::print(stderr, "serving on {}: snapshots at port {}, updates at {}, collector ({}) at {}\n", options.server.host,
             port, port + 1, options.collector, port + 2);
  server->run(stop);
  if (options.json) {
    fmt::print("{}\n", to_json(server->counters(), server->store()).dump());
  } else {
    print_for_people(server->counters(), server->store());
  }
  return ExitCode::kOk;
}

// --- the clients

core::Result<std::unique_ptr<clone::Client>> connect(ClientCommand& options) {
  options.client.collector = kCollectors.at(options.collector);
  options.client.on_gap = options.on_gap == "stop" ? clone::OnGap::kStop : clone::OnGap::kResync;
  TD_ASSIGN(options.client.silence_ns, core::parse_duration_ns(options.silence));
  TD_ASSIGN(options.timeout_ns, core::parse_duration_ns(options.timeout));
  options.client.timeout_ns = options.timeout_ns;
  if (options.sync_at > 0) options.client.stop_at = options.sync_at;
  return clone::Client::connect(options.client);
}

// With the state of --sync-at, or the server's present one.
core::Result<std::unique_ptr<clone::Client>> join(ClientCommand& options) {
  TD_ASSIGN(auto client, connect(options));
  TD_TRY(client->wait_synced(options.timeout_ns));
  if (options.sync_at > 0) {
    fmt::print(stderr, "joined at {}; waits for update {}\n", client->state().sequence, options.sync_at);
    TD_TRY(client->wait_for(options.sync_at, options.timeout_ns));
  }
  return client;
}

core::Result<ExitCode> get(ClientCommand options) {
  options.client.subtree = clone::subtree_of(options.key);
  TD_ASSIGN(const auto client, join(options));
  const auto value = client->get(options.key);
  if (!value) return core::fail("there is no key '{}'", options.key);
  fmt::print("{}\n", *value);
  return ExitCode::kOk;
}

core::Result<ExitCode> set(ClientCommand options) {
  options.client.subtree = clone::subtree_of(options.key);
  TD_ASSIGN(const auto client, connect(options));
  TD_TRY(client->set(options.key, options.value, options.ttl_s));
  return ExitCode::kOk;
}

core::Result<ExitCode> erase(ClientCommand options) {
  options.client.subtree = clone::subtree_of(options.key);
  TD_ASSIGN(const auto client, connect(options));
  TD_TRY(client->erase(options.key));
  return ExitCode::kOk;
}

core::Result<ExitCode> list(ClientCommand options) {
  TD_ASSIGN(const auto client, join(options));
  client->for_each({}, [&](const clone::Entry& entry) {
    options.values ? fmt::print("{}\t{}\n", entry.key, entry.value) : fmt::print("{}\n", entry.key);
  });
  return ExitCode::kOk;
}

core::Result<ExitCode> digest(ClientCommand options) {
  TD_ASSIGN(const auto client, join(options));
  const clone::ClientState state = client->state();
  const std::string text = clone::format_digest(client->digest());
  if (options.json) {
    fmt::print("{}\n", Json{{"digest", text}, {"keys", state.keys}, {"sequence", state.sequence}}.dump());
  } else {
    fmt::print("{}  {} keys at sequence {}\n", text, state.keys, state.sequence);
  }
  return ExitCode::kOk;
}

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

// A field as text, or with "_hex" behind its name where it is none.
void put(Json& json, const std::string& name, std::string_view bytes) {
  try {
    json[name] = std::string(bytes);
    static_cast<void>(json.dump());
  } catch (const Json::type_error&) {
    json.erase(name);
    json[name + "_hex"] = to_hex(bytes);
  }
}

core::Result<std::string> take(const Json& json, const std::string& name) {
  if (const auto text = json.find(name); text != json.end() && text->is_string()) return text->get<std::string>();
  const auto hex = json.find(name + "_hex");
  if (hex == json.end() || !hex->is_string()) return core::fail("a line of the dump has no '{}'", name);
  return from_hex(hex->get<std::string>());
}

core::Result<ExitCode> dump(ClientCommand options) {
  TD_ASSIGN(const auto client, join(options));
  client->for_each({}, [](const clone::Entry& entry) {
    Json json;
    put(json, "key", entry.key);
    put(json, "value", entry.value);
    fmt::print("{}\n", json.dump());
  });
  return ExitCode::kOk;
}

// Counts updates that are under way, and keeps the first error.
class Loading {
 public:
  void start() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return under_way_ < kLoadedAtATime; });
    ++under_way_;
  }
  void finish(const core::Status& status) {
    const std::lock_guard lock(mutex_);
    if (!status && outcome_) outcome_ = status;
    --under_way_;
    changed_.notify_one();
  }
  core::Status wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return under_way_ == 0; });
    return outcome_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int under_way_ = 0;
  core::Status outcome_;
};

core::Status load_line(clone::Client& client, const std::string& line, Loading& loading) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return core::fail("a line of the dump is no JSON object: {}", line);
  TD_ASSIGN(const std::string key, take(json, "key"));
  TD_ASSIGN(const std::string value, take(json, "value"));
  loading.start();
  client.update(key, value, 0, [&loading](const core::Status& status) { loading.finish(status); });
  return {};
}

core::Result<ExitCode> load(ClientCommand options) {
  std::ifstream file;
  if (options.file != "-") {
    file.open(options.file);
    if (!file) return core::fail("cannot read {}", options.file);
  }
  std::istream& in = options.file == "-" ? std::cin : file;
  Loading loading;  // before the client, whose callbacks use it
  TD_ASSIGN(const auto client, join(options));
  uint64_t lines = 0;
  core::Status read;
  for (std::string line; read && std::getline(in, line);) {
    read = load_line(*client, line, loading);
    lines += read ? 1 : 0;
  }
  const core::Status loaded = loading.wait();
  TD_TRY(read);
  TD_TRY(loaded);
  fmt::print(stderr, "loaded {} keys\n", core::format_count(lines));
  return ExitCode::kOk;
}

constexpr std::string_view name_of(clone::Change::Kind kind) {
  switch (kind) {
    case clone::Change::Kind::kSet: return "set";
    case clone::Change::Kind::kErased: return "del";
    case clone::Change::Kind::kResynced: return "resync";
  }
  return {};
}

void print_change(const clone::Change& change, bool as_json) {
  if (as_json) {
    Json json = {{"sequence", change.sequence}, {"change", name_of(change.kind)}};
    if (change.kind != clone::Change::Kind::kResynced) put(json, "key", change.key);
    if (change.kind == clone::Change::Kind::kSet) put(json, "value", change.value);
    fmt::print("{}\n", json.dump());
  } else {
    fmt::print("{} {} {} {}\n", change.sequence, name_of(change.kind), change.key, change.value);
  }
  static_cast<void>(std::fflush(stdout));
}

core::Result<ExitCode> watch(ClientCommand options) {
  const core::StopFlag& stop = core::stop_on_signals();
  std::atomic<uint64_t> seen{0};  // before the client, whose callbacks use it
  TD_ASSIGN(const auto client, connect(options));
  client->watch({}, [&](const clone::Change& change) {
    if (options.count == 0 || seen < options.count) print_change(change, options.json);
    ++seen;
  });
  while (!stop.requested() && (options.count == 0 || seen < options.count)) {
    const core::Status never = client->wait_for(options.sync_at > 0 ? options.sync_at : UINT64_MAX, 50'000'000);
    if (never) return ExitCode::kOk;
    if (const std::string failure = client->state().failure; !failure.empty()) {
      return core::fail_with(ExitCode::kDamaged, "{}", failure);
    }
  }
  return stop.requested() ? ExitCode::kInterrupted : ExitCode::kOk;
}

// --- the command line

void add_serve(CLI::App& clone, ExitCode& exit) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = clone.add_subcommand("serve", "Holds the keys, and serves them until it is interrupted");
  command->add_option("--port", options->server.port,
                      "Of snapshots; updates leave by the next one and come in by the one after. 0: three free ones");
  command->add_option("--bind", options->server.host, "Address of an interface, or * for all")->capture_default_str();
  command->add_option("--collector", options->collector, "How updates come: sub (RFC 12) or pull (the Guide's model 3)")
      ->check(CLI::IsMember({"sub", "pull"}))
      ->capture_default_str();
  command->add_option("--max-keys", options->keys_max, "More are refused")->capture_default_str();
  command->add_option("--max-value", options->value_max, "Longer values are refused")->capture_default_str();
  command->add_option("--max-clients", options->server.limits.clients_max, "More that wait for a snapshot are refused")
      ->capture_default_str();
  command->add_option("--backlog", options->server.backlog, "Updates that wait for one client; then it has a hole")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--hold", options->hold, "Time between a request and its snapshot, for older clients")
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print one JSON object at the end");
  command->callback([options, &exit] {
    const auto result = serve(*options);
    exit = result ? *result : report(result.error());
  });
}

using Run = core::Result<ExitCode> (*)(ClientCommand);

// What all clients have.
CLI::App* add_client(CLI::App& clone, ExitCode& exit, const std::string& name, const std::string& what,
                     const std::shared_ptr<ClientCommand>& options, Run run) {
  CLI::App* command = clone.add_subcommand(name, what);
  command->add_option("--server", options->client.servers, "HOST:PORT or PORT; again for one to take its place")
      ->allow_extra_args(false)
      ->required();
  command->add_option("--collector", options->collector, "As the server's: sub or pull")
      ->check(CLI::IsMember({"sub", "pull"}))
      ->capture_default_str();
  command->add_option("--silence", options->silence, "Take a server for dead after so long")->capture_default_str();
  command->add_option("--timeout", options->timeout, "Give up after so long")->capture_default_str();
  command->callback([options, &exit, run] {
    const auto result = run(*options);
    exit = result ? *result : report(result.error());
  });
  return command;
}

void add_readers(CLI::App& clone, ExitCode& exit) {
  const auto add = [&](const std::string& name, const std::string& what, Run run) {
    auto options = std::make_shared<ClientCommand>();
    CLI::App* command = add_client(clone, exit, name, what, options, run);
    command->add_option("SUBTREE", options->client.subtree, "Such as /a/ or /a/b/ (default everything)");
    command->add_option("--sync-at", options->sync_at, "Take the state after the update of this sequence");
    return std::pair(command, options);
  };
  const auto [list_command, list_options] = add("list", "Lists keys", list);
  list_command->add_flag("--values", list_options->values, "And values, behind a tab");
  add("dump", "Writes keys and values as JSON lines", dump);
  const auto [digest_command, digest_options] = add("digest", "Says in one number what the state is", digest);
  digest_command->add_flag("--json", digest_options->json, "Print one JSON object");
  const auto [watch_command, watch_options] = add("watch", "Prints what is there, and every change", watch);
  watch_command->add_option("--on-gap", watch_options->on_gap, "When updates are missing: resync or stop")
      ->check(CLI::IsMember({"resync", "stop"}))
      ->capture_default_str();
  watch_command->add_option("--count", watch_options->count, "End after so many lines");
  watch_command->add_flag("--json", watch_options->json, "Print JSON lines");
}

void add_writers(CLI::App& clone, ExitCode& exit) {
  auto for_get = std::make_shared<ClientCommand>();
  add_client(clone, exit, "get", "Prints the value of a key; exit code 1 where there is none", for_get, get)
      ->add_option("KEY", for_get->key)
      ->required();
  auto for_set = std::make_shared<ClientCommand>();
  CLI::App* set_command = add_client(clone, exit, "set", "Sets a key, for all clients", for_set, set);
  set_command->add_option("KEY", for_set->key)->required();
  set_command->add_option("VALUE", for_set->value)->required();
  set_command->add_option("--ttl", for_set->ttl_s, "Seconds after which the key goes, unless set again")
      ->check(CLI::PositiveNumber);
  auto for_del = std::make_shared<ClientCommand>();
  add_client(clone, exit, "del", "Deletes a key, for all clients", for_del, erase)
      ->add_option("KEY", for_del->key)
      ->required();
  auto for_load = std::make_shared<ClientCommand>();
  add_client(clone, exit, "load", "Sets what `dump` has written", for_load, load)
      ->add_option("FILE", for_load->file, "- for standard input")
      ->required();
}

}  // namespace

void add_clone(CLI::App& program, ExitCode& exit) {
  CLI::App* clone = program.add_subcommand("clone", "A key-value cache that many share: a server and its clients");
  clone->require_subcommand(1);
  clone->footer("How server and clients talk: docs/clone-protocol.md");
  add_serve(*clone, exit);
  add_writers(*clone, exit);
  add_readers(*clone, exit);
}

}  // namespace tapedeck::tools
