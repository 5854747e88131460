import ArgumentParser
import Compose
import Glibc

struct ComposeWatch: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Bring what changes here into the containers: develop.watch of the files.")
  @OptionGroup var options: ComposeOptions
  @OptionGroup var bringing: BringUpOptions
  @Flag(help: "Do not bring the services up first.") var noUp = false
  @Argument(help: "Services; all that have develop.watch when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.session(of: services)
    let watcher = try Watcher(session, services, bringing)
    if !noUp {
      var wish = ComposeUpOptions()
      wish.services = services
      try bringing.bring(session, wish, PlanRunner.Settings(), bringing.view())
    }
    let inbox = try SignalInbox([SIGINT, SIGTERM])
    try watcher.run(until: inbox.descriptor)
  }
}
