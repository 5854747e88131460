import LinuxSystem
import Model
import Testing

@testable import ContainerEngine

@Suite struct ExecOutputTests {
  private func chunk(_ count: Int, _ stream: OutputStream = .stdout) -> OutputChunk {
    OutputChunk(stream: stream, bytes: [UInt8](repeating: 65, count: count))
  }

  @Test func eachStreamIsKeptUpToItsLimit() {
    let output = ExecOutput(limitBytes: 10, budget: OutputBudget(bytes: 100))
    output.append(chunk(6))
    output.append(chunk(4, .stderr))
    #expect(output.stdout.count == 6 && output.stderr.count == 4 && !output.isCut)
    output.append(chunk(4))
    #expect(!output.isCut)
    output.append(chunk(1))
    #expect(output.stdout.count == 10 && output.isCut)
  }

  @Test func allOutputsShareABudgetAndGiveItBack() {
    let budget = OutputBudget(bytes: 10)
    var first: ExecOutput? = ExecOutput(limitBytes: 8, budget: budget)
    first?.append(chunk(8))
    let second = ExecOutput(limitBytes: 8, budget: budget)
    second.append(chunk(8, .stderr))
    #expect(second.stderr.count == 2 && second.isCut)
    #expect(first?.isCut == false)
    first = nil
    let third = ExecOutput(limitBytes: 8, budget: budget)
    third.append(chunk(8))
    #expect(third.stdout.count == 8 && !third.isCut)
  }

  @Test func outputThatNeverEndsIsLeftInTime() async throws {
    let endless = Task { while true { try await Task.sleep(for: .milliseconds(1)) } }
    #expect(try await !Engine.hasEnded(endless, within: .milliseconds(10)))
    let done = Task<Void, any Error> {}
    #expect(try await Engine.hasEnded(done, within: .seconds(60)))
    let broken = Task { throw PlatformError(.internal, "broken") }
    await #expect(throws: PlatformError.self) { try await Engine.hasEnded(broken, within: .seconds(60)) }
  }
}
