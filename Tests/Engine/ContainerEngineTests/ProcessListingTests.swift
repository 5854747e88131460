import Glibc
import Model
import Testing

@testable import ContainerEngine

@Suite struct ProcessListingTests {
  @Test(arguments: [
    ("", ["-ef"]), ("-ef", ["-ef"]), ("aux", ["aux"]), ("-o pid,comm", ["-o", "pid,comm"]),
    ("-opid,etime", ["-opid,etime"]), ("axo pid,etime,%cpu", ["axo", "pid,etime,%cpu"]),
    ("-eo pid,args", ["-eo", "pid,args"]), ("-eLf", ["-eLf"]), ("axopid,etime", ["axopid,etime"]),
    ("-o pid=PROCESS,x", nil), ("-e -o user=NAME -o pid", ["-e", "-o", "user=NAME", "-o", "pid"]),
  ])
  func takesWhatPeopleAskFor(text: String, words: [String]?) throws {
    guard let words else {
      #expect(throws: PlatformError.self) { try ProcessListing.options(text) }
      return
    }
    #expect(try ProcessListing.options(text) == words)
  }

  @Test(arguments: [
    ("axe", "environments"), ("axef -o rss=PID,args", "environments"), ("e", "environments"), ("auxe", "environments"),
    ("-o rss=PID,args", "cannot be renamed"), ("o rss=PID", "cannot be renamed"), ("-orss=PID", "cannot be renamed"),
    ("-o user,nlwp=PID", "cannot be renamed"), ("-o pid=", "cannot be renamed"), ("-o comm=pid", "cannot be renamed"),
    ("-o environ", "environments"), ("-o pid,environ", "environments"), ("a;b", "characters"), ("$(x)", "characters"),
  ])
  func refusesWhatCouldShowMore(text: String, reason: String) {
    let error = #expect(throws: PlatformError.self) { try ProcessListing.options(text) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains(reason) == true)
  }

  /// Whatever is asked for, ps itself tells of no other process than those named.
  @Test(arguments: [
    "-ef", "aux", "-e -C", "axf", "-H", "--forest", "-p 1", "--pid=1", "-N", "--deselect", "-q1", "1", "-eo", "-U root",
    "--sort=rss", "-t tty1", "--ppid 0", "-A",
  ])
  func psTellsOfNoOtherProcess(text: String) throws {
    let own = getpid()
    let words = try ProcessListing.options(text)
    do {
      let lines = try ProcessListing.run(words, pids: [own]).split(separator: "\n")
      #expect(lines.count == 2, "\(lines)")
    } catch let error as PlatformError {
      #expect(error.code == .invalidArgument && error.message.hasPrefix("ps: "))
    }
  }

  @Test func tablesKeepOnlyTheContainersOwn() throws {
    let table = try ProcessListing.table("UID PID CMD\nroot 1 init\nroot 7 sleep 10\n", pids: [7])
    #expect(table.titles == ["UID", "PID", "CMD"] && table.rows == [["root", "7", "sleep 10"]])
    for text in ["UID CMD\n", "PID PID\n1 2\n", ""] {
      let error = #expect(throws: PlatformError.self) { try ProcessListing.table(text, pids: [1, 2]) }
      #expect(error?.code == .invalidArgument)
    }
  }
}
