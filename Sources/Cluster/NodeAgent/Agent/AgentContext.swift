import HTTPServing
import KubeMachinery
import LinuxSystem
import Logging

/// What all pods of an agent share.
struct AgentContext: Sendable {
  let runtime: any PodRuntime
  let cluster: any ClusterAccess
  let node: NodeSettings
  let probes: any ProbeRunner
  /// The node's own resolv.conf.
  let hostDNS: SandboxRequest.DNS
  /// Services that pods of a namespace are told of.
  let services: @Sendable (_ namespace: String) async -> [JSONValue]
  let tokens: TokenCache
  let announce: @Sendable (PodDocument, PodAnnouncement) -> Void
  let now: @Sendable () -> Timestamp
  let clock: any Swift.Clock<Duration>
  /// Where work of pods runs, which may block; nil: anywhere.
  let executor: BlockingExecutor?
  let logger: Logger
}
