#include "tools/live/metrics_page.h"

#include <httplib.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <functional>
#include <mutex>
#include <thread>

#include "engine/core/parse.h"

namespace tapedeck::tools {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr const char* kTextFormat = "text/plain; version=0.0.4; charset=utf-8";

// One value for each part of the figures.
MetricFamily family_of(const Figures& figures, const std::string& role, std::string name, std::string help,
                       MetricType type, const std::function<double(const Figures::Part&)>& value) {
  MetricFamily family{.name = std::move(name), .help = std::move(help), .type = type, .metric = {}};
  for (const Figures::Part& part : figures.parts) {
    ClientMetric& metric = family.metric.emplace_back();
    metric.label = {{"role", role}, {"part", part.name}};
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value(part);
  }
  return family;
}

MetricFamily peers_of(const Figures& figures, const std::string& role) {
  ClientMetric metric;
  metric.label = {{"role", role}};
  metric.gauge.value = static_cast<double>(figures.peers);
  return {
      .name = "tapedeck_peers", .help = "Subscribers that have joined", .type = MetricType::Gauge, .metric = {metric}};
}

}  // namespace

struct MetricsPage::Server {
  httplib::Server http;
  std::thread thread;
  mutable std::mutex mutex;
  Figures figures;  // guarded by mutex
};

MetricsPage::MetricsPage(std::string role) : role_(std::move(role)), server_(std::make_unique<Server>()) {}

MetricsPage::~MetricsPage() {
  server_->http.stop();
  if (server_->thread.joinable()) server_->thread.join();
}

core::Result<std::string> MetricsPage::open(const std::string& address) {
  const size_t colon = address.rfind(':');
  const auto ports = colon == std::string::npos ? core::Result<std::vector<uint16_t>>()
                                                : core::parse_numbers(std::string_view(address).substr(colon + 1));
  if (colon == 0 || colon == std::string::npos || !ports || ports->size() != 1) {
    return core::fail_with(core::ExitCode::kUsage, "bad address '{}': expected ADDRESS:PORT, such as 127.0.0.1:9100",
                           address);
  }
  const std::string host = address.substr(0, colon);
  int port = ports->front();
  httplib::Server& http = server_->http;
  http.set_socket_options([](socket_t socket) {  // its own would let two programs have one port
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  const bool bound = port == 0 ? (port = http.bind_to_any_port(host)) > 0 : http.bind_to_port(host, port);
  if (!bound) return core::fail("cannot listen at {}: choose another address or port", address);
  http.Get("/metrics",
           [this](const httplib::Request&, httplib::Response& response) { response.set_content(text(), kTextFormat); });
  server_->thread = std::thread([&http] { http.listen_after_bind(); });
  while (!http.is_running()) std::this_thread::yield();  // a stop() before that would be lost
  return fmt::format("http://{}:{}/metrics", host, port);
}

void MetricsPage::update(const Figures& figures) {
  const std::lock_guard lock(server_->mutex);
  server_->figures = figures;
}

std::string MetricsPage::text() const {
  const std::lock_guard lock(server_->mutex);
  const Figures& figures = server_->figures;
  const auto family = [&](std::string name, std::string help, MetricType type, auto&& value) {
    return family_of(figures, role_, std::move(name), std::move(help), type, value);
  };
  const auto number = [](auto value) { return static_cast<double>(value); };
  return prometheus::TextSerializer().Serialize(
      {family("tapedeck_messages_total", "Messages so far", MetricType::Counter,
              [&](const Figures::Part& part) { return number(part.messages); }),
       family("tapedeck_bytes_total", "Bytes of them", MetricType::Counter,
              [&](const Figures::Part& part) { return number(part.bytes); }),
       family("tapedeck_queued_frames", "Frames that wait to leave this part", MetricType::Gauge,
              [&](const Figures::Part& part) { return number(part.queued); }),
       family("tapedeck_held_back_seconds_total", "How long it waited for a subscriber", MetricType::Counter,
              [&](const Figures::Part& part) { return number(part.held_back_ns) * 1e-9; }),
       peers_of(figures, role_)});
}

}  // namespace tapedeck::tools
