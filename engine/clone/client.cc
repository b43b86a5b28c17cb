#include "engine/clone/client.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "engine/core/durations.h"

namespace tapedeck::clone {
namespace {

constexpr int64_t kLook_ns = 100 * core::kMillisecond_ns;
constexpr int64_t kBackOff_ns = 10 * core::kMillisecond_ns;
constexpr int64_t kBackOffMax_ns = 2'000 * core::kMillisecond_ns;
constexpr int64_t kPatience = 6;  // times the silence, with a server that lives but gives no snapshot
constexpr int kReceivedATurn = 1'000;
constexpr size_t kHeldMax = 200'000;                // updates, and
constexpr size_t kHeldBytesMax = 64 * 1024 * 1024;  // beyond that they wait at the socket

}  // namespace

core::Result<std::unique_ptr<Client>> Client::connect(const ClientOptions& options, const core::Clock& clock) {
  if (!is_subtree(options.subtree)) {
    return core::fail_with(core::ExitCode::kUsage, "bad subtree '{}': expected nothing, /a/ or /a/b/", options.subtree);
  }
  std::vector<Address> servers;
  for (const std::string& server : options.servers) {
    TD_ASSIGN(Address address, parse_address(server));
    servers.push_back(std::move(address));
  }
  if (servers.empty()) return core::fail_with(core::ExitCode::kUsage, "no server given");
  const int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0) return core::fail("cannot make an event handle: {}", zmq_strerror(errno));
  std::unique_ptr<Client> client(new Client(options, std::move(servers), clock, wake_fd));
  TD_TRY(client->connect_link());
  client->thread_ = std::thread([&client = *client] { client.run(); });
  return client;
}

Client::Client(const ClientOptions& options, std::vector<Address> servers, const core::Clock& clock, int wake_fd)
    : options_(options),
      servers_(std::move(servers)),
      clock_(clock),
      wake_fd_(wake_fd),
      replica_(options.subtree, options.stop_at) {}

Client::~Client() {
  closing_.store(true, std::memory_order_relaxed);
  post([] {});
  if (thread_.joinable()) thread_.join();
  close(wake_fd_);
}

// --- What any thread calls.

std::optional<std::string> Client::get(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  const EntryPointer entry = replica_.table().find(key);
  return entry ? std::optional(entry->value) : std::nullopt;
}

void Client::for_each(std::string_view subtree, const std::function<void(const Entry&)>& visit) const {
  std::vector<EntryPointer> entries;
  {
    const std::lock_guard lock(mutex_);
    entries = replica_.table().list(subtree);
  }
  for (const EntryPointer& entry : entries) visit(*entry);
}

StateDigest Client::digest() const {
  const std::lock_guard lock(mutex_);
  return {.digest = digest_of(replica_.table()), .sequence = replica_.sequence(), .keys = replica_.table().size()};
}

ClientState Client::state() const {
  const std::lock_guard lock(mutex_);
  ClientState state = state_;
  state.synced = replica_.synced();
  state.sequence = replica_.sequence();
  state.keys = replica_.table().size();
  return state;
}

core::Status Client::check(std::string_view key, std::string_view value, int64_t ttl_s) const {
  using core::ExitCode;
  if (!is_key(key)) {
    return core::fail_with(ExitCode::kUsage, "bad key '{}': expected 1 to {} bytes without NUL, and not {}, {} or {}",
                           key, kKeyBytesMax, kRequest, kEnd, kHeartbeat);
  }
  if (!key.starts_with(options_.subtree)) {
    return core::fail_with(ExitCode::kUsage, "key '{}' is not in {}, which is all that this client follows", key,
                           options_.subtree);
  }
  if (value.size() > kValueBytesMax) {
    return core::fail_with(ExitCode::kUsage, "the value of '{}' has {} bytes, and no server takes more than {}", key,
                           value.size(), kValueBytesMax);
  }
  if (ttl_s < 0 || ttl_s > kTtlMax_s || (ttl_s > 0 && value.empty())) {
    return core::fail_with(ExitCode::kUsage, "bad ttl {}: expected 1 to {} seconds, and with a value", ttl_s,
                           kTtlMax_s);
  }
  return {};
}

core::Status Client::set(std::string_view key, std::string_view value, int64_t ttl_s) {
  if (value.empty()) return core::fail_with(core::ExitCode::kUsage, "an empty value of '{}' would delete it", key);
  return update_and_wait(key, value, ttl_s);
}

core::Status Client::erase(std::string_view key) { return update_and_wait(key, {}, 0); }

core::Status Client::update_and_wait(std::string_view key, std::string_view value, int64_t ttl_s) {
  if (std::this_thread::get_id() == thread_.get_id()) return core::fail("a callback must not wait: use update()");
  std::promise<core::Status> promise;
  update(key, value, ttl_s, [&promise](const core::Status& status) { promise.set_value(status); });
  return promise.get_future().get();
}

void Client::update(std::string_view key, std::string_view value, int64_t ttl_s, Pending::Done done) {
  if (const core::Status status = check(key, value, ttl_s); !status) {
    return post([done = std::move(done), status] {
      if (done) done(status);
    });
  }
  Pending::Update update{.key = std::string(key),
                         .value = std::string(value),
                         .ttl_s = ttl_s,
                         .give_up_ns = clock_.monotonic_ns() + options_.timeout_ns,
                         .done = std::move(done)};
  bool first = false;
  {
    const std::lock_guard lock(orders_mutex_);
    first = updates_.empty();
    updates_.push_back(std::move(update));
  }
  if (first) wake();
}

void Client::watch(std::string_view subtree, OnChange on_change) {
  post([this, watcher = Watcher{std::string(subtree), std::move(on_change)}] {
    tell_all(watcher, replica_.table().list(watcher.subtree), replica_.sequence());
    watchers_.push_back(watcher);
  });
}

void Client::post(std::function<void()> command) {
  bool first = false;
  {
    const std::lock_guard lock(orders_mutex_);
    first = commands_.empty();
    commands_.push_back(std::move(command));
  }
  if (first) wake();
}

void Client::wake() const { eventfd_write(wake_fd_, 1); }

template <class Condition>
core::Status Client::wait_until(Condition&& condition, int64_t timeout_ns, std::string_view what) const {
  std::unique_lock lock(mutex_);
  ++waiting_;
  const bool in_time = changed_.wait_for(lock, std::chrono::nanoseconds(timeout_ns),
                                         [&] { return condition() || !state_.failure.empty(); });
  --waiting_;
  if (in_time && condition()) return {};
  return in_time ? core::fail("{}", state_.failure) : core::fail("{} in time", what);
}

core::Status Client::wait_synced(int64_t timeout_ns) const {
  return wait_until([this] { return replica_.synced(); }, timeout_ns, "no server has given its state");
}

core::Status Client::wait_for(uint64_t sequence, int64_t timeout_ns) const {
  if (options_.stop_at && sequence > *options_.stop_at) {
    return core::fail("this client stops at {}, before {}", *options_.stop_at, sequence);
  }
  const auto has_come = [this, sequence] {
    return replica_.synced() && replica_.sequence() >= sequence && !replica_.too_late();
  };
  return wait_until(has_come, timeout_ns, "the update that was waited for has not come");
}

void Client::tell_waiting() const {
  if (waiting_ > 0) changed_.notify_all();
}

// --- The client's thread.

void Client::run() {
  while (!closing_.load(std::memory_order_relaxed)) {
    if (!busy_) wait();
    busy_ = false;
    now_ns_ = clock_.monotonic_ns();
    run_commands();
    take_updates();
    take_published();
    take_snapshot();
    send_pending();
    watch_time();
  }
  run_commands();
  take_updates();
  pending_.fail_all("the client was closed");
}

void Client::wait() {
  const bool reads_updates = phase_ != Phase::kFetching || may_hold_more();
  std::array<zmq::pollitem_t, 4> items = {
      {{nullptr, wake_fd_, ZMQ_POLLIN, 0},
       {link_->updates().handle(), 0, static_cast<short>(reads_updates ? ZMQ_POLLIN : 0), 0},
       {link_->collector().handle(), 0, ZMQ_POLLIN, 0},
       {link_->snapshot().handle(), 0, ZMQ_POLLIN, 0}}};
  const size_t count = phase_ == Phase::kFetching ? items.size() : items.size() - 1;
  const bool soon = full_ || phase_ == Phase::kWaiting;
  const std::chrono::milliseconds timeout = soon ? std::chrono::milliseconds(1) : transport::kPollInterval;
  try {
    zmq::poll(items.data(), count, timeout);
    eventfd_t ignored = 0;
    if (items[0].revents != 0) eventfd_read(wake_fd_, &ignored);  // before what it tells of is taken
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;
  }
}

void Client::run_commands() {
  std::deque<std::function<void()>> commands;
  {
    const std::lock_guard lock(orders_mutex_);
    commands.swap(commands_);
  }
  for (auto& command : commands) command();
}

void Client::take_updates() {
  {
    const std::lock_guard lock(orders_mutex_);
    taken_.swap(updates_);
  }
  busy_ = busy_ || !taken_.empty();
  pending_.add(taken_);
  if (phase_ == Phase::kStopped) pending_.fail_all(state_.failure);
}

void Client::take_published() {
  Frames frames;
  for (int i = 0; i < kReceivedATurn && phase_ != Phase::kFetching && frames.receive(link_->updates()); ++i) {
    busy_ = true;
    on_published(frames);
  }
  while (phase_ == Phase::kFetching && may_hold_more()) {
    if (!held_.emplace_back().receive(link_->updates())) {
      held_.pop_back();
      return;
    }
    for (const core::Bytes frame : held_.back().bytes()) held_bytes_ += frame.size();
    heard_ns_ = now_ns_;
  }
}

void Client::on_published(const Frames& frames) {
  heard_ns_ = now_ns_;
  Message message;
  if (decode(frames.bytes(), message) != Fault::kNone) {
    const std::lock_guard lock(mutex_);
    ++state_.malformed;
    return;
  }
  if (phase_ == Phase::kStopped) return;
  if (message.key == kHeartbeat) note_limit(message);
  switch (apply(message)) {
    case Replica::Step::kApplied:
      notify({message.value.empty() ? Change::Kind::kErased : Change::Kind::kSet, message.key, message.value,
              message.sequence});
      break;
    case Replica::Step::kHole: on_hole(message); break;
    case Replica::Step::kOtherServer: on_other_server(message); break;
    case Replica::Step::kNothing: break;
  }
  note_answer(message);
  if (phase_ == Phase::kSubscribing) ask();  // the subscription is live, for this came through it
}

Replica::Step Client::apply(const Message& message) {
  const std::lock_guard lock(mutex_);
  const Replica::Step step = replica_.on_published(message);
  tell_waiting();
  return step;
}

void Client::note_limit(const Message& message) {
  value_bytes_max_ = integer_property(message.properties, kValueMax).value_or(value_bytes_max_);
}

void Client::note_answer(const Message& message) {
  if (pending_.empty() || message.uuid.empty()) return;
  const auto refused = property(message.properties, kRefused);
  if (message.key == kHeartbeat && refused) return pending_.refuse(message.uuid, *refused);
  const uint64_t sequence = integer_property(message.properties, kDone).value_or(message.sequence);
  const bool has_it = replica_.synced() && (sequence <= replica_.sequence() || replica_.stopped());
  if (has_it) pending_.confirm(message.uuid, now_ns_);  // else it is sent again, and answered
}

void Client::on_hole(const Message& message) {
  {
    const std::lock_guard lock(mutex_);
    ++state_.holes;
  }
  if (options_.on_gap == OnGap::kStop) {
    return stop(fmt::format(
        "unable to continue: updates between {} and {} are missing", replica_.sequence(),
        message.key == kHeartbeat ? integer_property(message.properties, kLast).value_or(0) : message.sequence));
  }
  join_later();
}

void Client::on_other_server(const Message& message) {
  if (options_.on_gap == OnGap::kStop && joined_before_) {
    return stop("unable to continue: another server has taken this one's place");
  }
  {
    const std::lock_guard lock(mutex_);
    replica_.forget_server();
  }
  static_cast<void>(apply(message));
  join_later();
}

void Client::join_later() {
  if (now_ns_ - synced_ns_ > options_.silence_ns) back_off_ns_ = 0;
  back_off_ns_ = std::clamp(2 * back_off_ns_, kBackOff_ns, kBackOffMax_ns);
  ask_ns_ = now_ns_ + back_off_ns_;
  phase_ = Phase::kWaiting;
  const std::lock_guard lock(mutex_);
  replica_.expect_snapshot();
}

void Client::ask() {
  {
    const std::lock_guard lock(mutex_);
    replica_.expect_snapshot();
  }
  if (!link_->ask(options_.subtree)) return join_later();  // no handles left
  if (asked_ns_ == 0) asked_ns_ = now_ns_;
  progress_ns_ = now_ns_;
  answered_ = false;
  phase_ = Phase::kFetching;
}

void Client::take_snapshot() {
  Frames frames;
  Message message;
  for (int i = 0; i < kReceivedATurn && phase_ == Phase::kFetching && frames.receive(link_->snapshot()); ++i) {
    busy_ = true;
    heard_ns_ = progress_ns_ = now_ns_;
    if (decode(frames.bytes(), message) == Fault::kNone) {
      on_snapshot(message);
    } else {
      const std::lock_guard lock(mutex_);
      ++state_.malformed;
    }
  }
}

void Client::on_snapshot(const Message& message) {
  if (message.key == kHeartbeat) return join_later();  // refused: too many ask at once
  answered_ = true;
  if (message.key == kEnd) return on_snapshot_end(message);
  const std::lock_guard lock(mutex_);
  replica_.add(message);
}

void Client::on_snapshot_end(const Message& end) {
  link_->end_snapshot();
  asked_ns_ = 0;
  note_limit(end);
  if (joined_before_ && options_.on_gap == OnGap::kStop && !replica_.has_state_of(end)) {
    return stop(fmt::format("unable to continue: nothing was heard for too long, and updates after {} may be missing",
                            replica_.sequence()));
  }
  phase_ = Phase::kSynced;
  synced_ns_ = now_ns_;
  std::vector<EntryPointer> before;
  {
    const std::lock_guard lock(mutex_);
    if (!watchers_.empty()) before = replica_.table().list({});
    replica_.finish(end);
    state_.resyncs += joined_before_ ? 1 : 0;
    tell_waiting();
  }
  if (joined_before_) notify({Change::Kind::kResynced, {}, {}, replica_.sequence()});
  joined_before_ = true;
  notify_of_resync(before);
  if (replica_.too_late()) {
    return stop(fmt::format("the server is at {} already, past {}", replica_.sequence(), *options_.stop_at));
  }
  release_held();
}

bool Client::may_hold_more() const { return held_.size() < kHeldMax && held_bytes_ < kHeldBytesMax; }

void Client::release_held() {
  const std::deque<Frames> held = std::exchange(held_, {});
  held_bytes_ = 0;
  for (const Frames& frames : held) on_published(frames);
}

void Client::send_pending() {
  full_ = false;
  const bool can_send = link_->can_send();
  if (pending_.empty() || phase_ == Phase::kSubscribing || !can_send) return;
  pending_.send(now_ns_, value_bytes_max_, [this](const Message& message) {
    full_ = !link_->send(message);
    return !full_;
  });
}

void Client::watch_time() {
  if (now_ns_ >= next_look_ns_) {
    next_look_ns_ = now_ns_ + kLook_ns;
    pending_.give_up(now_ns_);
  }
  if (phase_ == Phase::kStopped) return;
  const bool fetches = phase_ == Phase::kFetching;
  const bool gives_nothing = asked_ns_ != 0 && !answered_ && now_ns_ - asked_ns_ > kPatience * options_.silence_ns;
  if (now_ns_ - heard_ns_ > options_.silence_ns || (gives_nothing && servers_.size() > 1)) {
    server_ = (server_ + 1) % servers_.size();
    static_cast<void>(connect_link());  // where no handles are left, the next turn tries again
  } else if (fetches && now_ns_ - progress_ns_ > options_.silence_ns) {
    progress_ns_ = now_ns_;
    answered_ ? ask() : link_->ask_again(options_.subtree);
  } else if (phase_ == Phase::kWaiting && now_ns_ >= ask_ns_) {
    ask();
  }
}

core::Status Client::connect_link() {
  TD_ASSIGN(link_, Link::connect(context_, servers_[server_], options_.subtree, options_.collector));
  phase_ = Phase::kSubscribing;
  heard_ns_ = clock_.monotonic_ns();
  held_.clear();
  held_bytes_ = 0;
  pending_.start_over();
  value_bytes_max_ = SIZE_MAX;
  asked_ns_ = 0;
  const std::lock_guard lock(mutex_);
  replica_.forget_server();
  return {};
}

void Client::stop(const std::string& why) {
  phase_ = Phase::kStopped;
  {
    const std::lock_guard lock(mutex_);
    state_.failure = why;
    tell_waiting();
  }
  pending_.fail_all(why);
}

void Client::notify(const Change& change) {
  for (const Watcher& watcher : watchers_) {
    if (change.kind == Change::Kind::kResynced || change.key.starts_with(watcher.subtree)) watcher.on_change(change);
  }
}

void Client::tell_all(const Watcher& watcher, const std::vector<EntryPointer>& entries, uint64_t sequence) {
  for (const EntryPointer& entry : entries) watcher.on_change({Change::Kind::kSet, entry->key, entry->value, sequence});
}

// What differs between the table before and now; both are in order.
void Client::notify_of_resync(const std::vector<EntryPointer>& before) {
  if (watchers_.empty()) return;
  const uint64_t sequence = replica_.sequence();
  auto old = before.begin();
  for (const EntryPointer& entry : replica_.table().list({})) {
    for (; old != before.end() && (*old)->key < entry->key; ++old) {
      notify({Change::Kind::kErased, (*old)->key, {}, sequence});
    }
    const bool was_there = old != before.end() && (*old)->key == entry->key;
    if (!was_there || (*old)->value != entry->value) notify({Change::Kind::kSet, entry->key, entry->value, sequence});
    if (was_there) ++old;
  }
  for (; old != before.end(); ++old) notify({Change::Kind::kErased, (*old)->key, {}, sequence});
}

}  // namespace tapedeck::clone
