import Compose

/// Takes containers out of the load balancer before they stop, by HAProxy's runtime interface (its management guide, 9.3).
extension PlanRunner {
  private static let defaultGraceNanoseconds: Int64 = 10_000_000_000

  /// The balancer sends the container nothing new, and what it has is waited for, at most for its time of grace. Without a
  /// balancer there is nobody to tell.
  func drain(_ reference: ComposeContainerReference) throws(ClientError) {
    guard let service = project.service(reference.service), let backend = Balancer.backend(service),
      let balancer = balancerContainer
    else { return }
    let id = try id(reference)
    let networks = try engine.call(.get, "/containers/\(id)/json")["NetworkSettings"]["Networks"]
    let addresses = networks.members.map { $0.value.text("IPAddress") }.filter { !$0.isEmpty }
    guard !addresses.isEmpty else { return }
    view.show("Container \(reference.name)", "Draining")
    let grace =
      settings.stopTimeoutSeconds.map { Int64($0).times(1_000_000_000) }
      ?? service.stopGracePeriodNanoseconds ?? Self.defaultGraceNanoseconds
    let milliseconds = max(grace / 1_000_000, 0)
    let slots = try tell(balancer, Self.drainScript, [backend, "\(milliseconds / 50)"] + addresses)
    drained.with { $0[id] = [backend, addresses.joined(separator: " "), slots] }
  }

  /// The slot that a container had is free for the next one as soon as the name service has forgotten it.
  func undrain(_ id: String) throws(ClientError) {
    guard let words = drained.with({ $0.removeValue(forKey: id) }), let balancer = balancerContainer else { return }
    _ = try tell(balancer, Self.readyScript, words)
  }

  private var balancerContainer: String? {
    observation.containers.first { $0.service == Balancer.service && !$0.isOneOff && $0.state == .running }?.id
  }

  private func tell(_ balancer: String, _ script: String, _ words: [String]) throws(ClientError) -> String {
    let body: JSONValue = [
      "AttachStdout": true, "AttachStderr": true,
      "Cmd": .strings(["bash", "-c", Self.functions + script, "balancer"] + words),
    ]
    let (code, output) = try engine.execute(balancer, body)
    guard code == 0 else { throw ClientError("the load balancer refused: \(output.suffix(300))") }
    return String(output.prefix { $0 != "\n" })
  }

  /// `ask COMMAND`; `slots BACKEND ADDRESS…` prints the servers with these addresses.
  private static let functions = """
    set -eu
    ask() { exec 3<>/dev/tcp/127.0.0.1/\(Balancer.controlPort); printf '%s\\n' "$1" >&3; cat <&3; exec 3<&- 3>&-; }
    slots() {
      local backend=$1; shift
      ask "show servers state $backend" | while read -r _ _ _ name address _; do
        for wanted in "$@"; do [ "$address" != "$wanted" ] || echo "$name"; done
      done
    }

    """
  private static let drainScript = """
    backend=$1 rounds=$2; shift 2
    found=$(slots "$backend" "$@")
    for slot in $found; do ask "set server $backend/$slot state drain" >/dev/null; done
    busy() {
      ask "show stat" | while IFS=, read -r proxy server _ _ current _; do
        for slot in $found; do [ "$proxy/$server" != "$backend/$slot" ] || [ "$current" = 0 ] || echo busy; done
      done
    }
    while [ "$rounds" -gt 0 ] && [ -n "$(busy)" ]; do rounds=$((rounds - 1)); sleep 0.05; done
    echo $found
    """
  private static let readyScript = """
    rounds=60
    while [ "$rounds" -gt 0 ] && [ -n "$(slots "$1" $2)" ]; do rounds=$((rounds - 1)); sleep 0.05; done
    for slot in $3; do ask "set server $1/$slot state ready" >/dev/null; done
    """
}
