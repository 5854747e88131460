import ArgumentParser
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

  @Flag(
    help:
      "Take the rules and addresses of services off this machine, and end; an agent leaves them so that services go on."
  )
  var removeServices = false

  func run() async throws {
    if removeServices {
      return try ClusterNetwork.remove(poller: try Poller(), logger: try options.logger(label: "agent"))
    }
    try await AgentProgram(options: options, kubeconfig: kubeconfig, address: nodeAddress).run()
  }
}
