import Compose
import Foundation
import Testing

@testable import bulkhead

/// The options before compose's commands, and the files of this machine as a project's.
@Suite struct ProjectOptionsTests {
  @Test(
    arguments: [
      (["run", "-f", "x"], ["run", "-f", "x"]),
      (["compose", "config", "-q"], ["compose", "config", "-q"]),
      (
        ["compose", "-f", "a", "--file=b", "-fc", "-p", "n", "config", "-o", "f"],
        [
          "compose", "config", "--compose-file", "a", "--compose-file", "b", "--compose-file", "c",
          "--compose-project-name", "n", "-o", "f",
        ]
      ),
      (
        ["compose", "--profile", "p", "--allow-outside", "--env-file", "-e", "--project-directory", "d", "config"],
        [
          "compose", "config", "--compose-profile", "p", "--compose-allow-outside", "--compose-env-file", "-e",
          "--compose-project-directory", "d",
        ]
      ),
      (["compose", "--help"], ["compose", "--help"]), (["compose"], ["compose"]),
    ])
  func optionsMoveBehindTheCommand(_ arguments: [String], _ moved: [String]) throws {
    #expect(try ComposeArguments.moved(arguments) == moved)
  }

  @Test(
    arguments: [
      (["compose", "--frob", "config"], "unknown option '--frob' before compose's command"),
      (["compose", "-f", "c.yaml", "ls"], "'compose ls' is about no project in particular"),
      (["compose", "-f"], "'-f' needs a value"), (["compose", "--profile"], "'--profile' needs a value"),
    ])
  func wrongOptionsAreTold(_ arguments: [String], _ message: String) {
    let error = #expect(throws: ClientError.self) { try ComposeArguments.moved(arguments) }
    #expect(error?.message.hasPrefix(message) == true && error?.exitCode == ExitStatus.usage)
  }

  @Test func optionsReachTheLoader() throws {
    let words = ["compose", "-f", "a", "-f", "-", "--env-file", "e", "--allow-outside", "config", "web"]
    let command = try #require(try Bulkhead.parseAsRoot(ComposeArguments.moved(words)) as? ComposeConfig)
    let request = try command.project.request(services: command.names)
    #expect(request.files == ["a", "-"] && request.environmentFiles == ["e"] && request.allowsOutside)
    #expect(
      request.services == ["web"] && request.currentDirectory.hasPrefix("/") && request.environment["PATH"] != nil)
  }

  private final class Folder {
    let path = "/tmp/project-test-\(UInt64.random(in: .min ... .max))"

    init() throws {
      for folder in ["inside/sub", "outside"] {
        try FileManager.default.createDirectory(atPath: "\(path)/\(folder)", withIntermediateDirectories: true)
      }
      for file in ["inside/file", "inside/sub/file", "outside/file"] {
        try Data(file.utf8).write(to: URL(fileURLWithPath: "\(path)/\(file)"))
      }
      symlink("sub/file", "\(path)/inside/link-inside")
      symlink("../outside/file", "\(path)/inside/link-outside")
      symlink("\(path)/outside", "\(path)/inside/folder-outside")
      symlink("inside", "\(path)/alias")
      symlink("loop", "\(path)/inside/loop")
      mkfifo("\(path)/inside/pipe", 0o600)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  @Test(
    arguments: [
      ("inside/file", nil), ("inside/sub/file", nil), ("inside/link-inside", nil), ("alias/file", nil),
      ("inside/nothing", .notFound), ("inside/file/more", .notFound), ("inside/link-outside", .escapes),
      ("inside/folder-outside/file", .escapes), ("inside/../outside/file", .escapes), ("inside", .escapes),
      ("inside/sub", .unreadable("it is not a regular file")), ("inside/pipe", .unreadable("it is not a regular file")),
      ("inside/loop", .unreadable("Too many levels of symbolic links")),
    ] as [(String, ComposeReadFailure?)])
  func filesStayInside(_ name: String, _ failure: ComposeReadFailure?) throws {
    let folder = try Folder()
    var found: ComposeReadFailure?
    do throws(ComposeReadFailure) {
      _ = try ProjectFiles().read("\(folder.path)/\(name)", beneath: folder.path + "/inside", maximumBytes: 100)
    } catch {
      found = error
    }
    #expect(found == failure)
  }

  @Test func filesAreBounded() throws {
    let folder = try Folder()
    let path = folder.path + "/outside/file"
    #expect(try ProjectFiles().read(path, beneath: nil, maximumBytes: 12) == Array("outside/file".utf8))
    #expect(throws: ComposeReadFailure.tooLarge) { try ProjectFiles().read(path, beneath: nil, maximumBytes: 11) }
  }
}
