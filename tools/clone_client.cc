// The clients of `tapedeck clone`: get, set, del, list, watch, dump, load and digest.
#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>

#include "engine/clone/client.h"
#include "engine/core/parse.h"
#include "engine/core/stop.h"
#include "tools/clone_commands.h"
#include "tools/clone_json.h"
#include "tools/commands.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;
using core::ExitCode;

constexpr int kLoadedAtATime = 10'000;  // updates that are not confirmed yet

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

core::Result<std::unique_ptr<clone::Client>> connect(ClientCommand& options) {
  options.client.collector = collector_of(options.collector);
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
  const clone::StateDigest state = client->digest();
  const std::string text = clone::format_digest(state.digest);
  if (options.json) {
    fmt::print("{}\n", Json{{"digest", text}, {"keys", state.keys}, {"sequence", state.sequence}}.dump());
  } else {
    fmt::print("{}  {} keys at sequence {}\n", text, state.keys, state.sequence);
  }
  return ExitCode::kOk;
}

core::Result<ExitCode> dump(ClientCommand options) {
  TD_ASSIGN(const auto client, join(options));
  client->for_each({}, [](const clone::Entry& entry) {
    Json json;
    put_bytes(json, "key", entry.key);
    put_bytes(json, "value", entry.value);
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
  TD_ASSIGN(const std::string key, take_bytes(json, "key"));
  TD_ASSIGN(const std::string value, take_bytes(json, "value"));
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
    if (change.kind != clone::Change::Kind::kResynced) put_bytes(json, "key", change.key);
    if (change.kind == clone::Change::Kind::kSet) put_bytes(json, "value", change.value);
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

using Run = core::Result<ExitCode> (*)(ClientCommand);

// What all clients have.
CLI::App* add_client(CLI::App& clone, ExitCode& exit, const std::string& name, const std::string& what,
                     const std::shared_ptr<ClientCommand>& options, Run run) {
  CLI::App* command = clone.add_subcommand(name, what);
  command->add_option("--server", options->client.servers, "HOST:PORT or PORT; again for one to take its place")
      ->allow_extra_args(false)
      ->required();
  add_collector_option(*command, options->collector, "As the server's: sub or pull");
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

void add_clone_clients(CLI::App& clone, ExitCode& exit) {
  add_writers(clone, exit);
  add_readers(clone, exit);
}

}  // namespace tapedeck::tools
