import ArgumentParser
import Internet
import LinuxSystem

struct AgentCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent", abstract: "Run the agent of this machine's node: pods of the server by the engine (root).",
    discussion: """
      It speaks to the engine at RUN/cri.sock and to the server with the certificate that the server writes to \
      ROOT/server/cluster/agent.kubeconfig. Pods go on without it.
      """)

  @OptionGroup var options: DaemonOptions

  @Option(
    help: ArgumentHelp("The node's kubeconfig, in place of ROOT/server/cluster/agent.kubeconfig.", valueName: "file"))
  var kubeconfig: String?

  @Option(
    help: ArgumentHelp(
      "The node's address, in place of the one by which this machine reaches others.", valueName: "address"))
  var nodeAddress: String?

  @Option(
    help: ArgumentHelp(
      "Whose questions for names are answered: the engine's network of pods (`networks.pods` of engine.yaml).",
      valueName: "subnet"))
  var podRange = "10.244.0.0/24"

  @Flag(help: "Leave services and the cluster's names to somebody else.")
  var withoutServices = false

  @Flag(
    help:
      "Take the rules and addresses of services off this machine, and end; an agent leaves them so that services go on."
  )
  var removeServices = false

  func validate() throws {
    guard IPv4Subnet(podRange) != nil else {
      throw ValidationError("--pod-range has to be a subnet of IPv4, as 10.244.0.0/24, not '\(podRange.prefix(60))'")
    }
  }

  func run() async throws {
    if removeServices {
      return try AgentServices.remove(poller: try Poller(), logger: try options.logger(label: "agent"))
    }
    try await AgentProgram(
      options: options, kubeconfig: kubeconfig, address: nodeAddress,
      podRange: withoutServices ? nil : IPv4Subnet(podRange)
    ).run()
  }
}
