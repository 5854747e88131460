import Testing

@testable import LinuxSystem

@Suite struct FairBoundTests {
  @Test func oneDoesNotTakeWhatIsThereForAll() {
    let bound = FairBound(each: 2, all: 3)
    var held = [bound.take("a"), bound.take("a"), bound.take("b")]
    #expect(held.allSatisfy { $0 != nil })
    #expect(bound.take("a") == nil && bound.take("c") == nil)
    held[2] = nil
    #expect(bound.take("a") == nil)
    held[2] = bound.take("c")
    #expect(held[2] != nil)
    held = []
    #expect(bound.take("a", weight: 2) != nil)
    #expect(bound.take("a", weight: 3) == nil)
  }

  @Test func whatOneGivesBackIsThereForOthers() {
    let bound = FairBound(each: 2, all: 5)
    let first = (1...3).map { _ in bound.take("a") }
    let second = (1...3).map { _ in bound.take("b") }
    let third = bound.take("c")
    #expect([first, second].map { $0.map { $0 != nil } } == [[true, true, false], [true, true, false]])
    #expect(third != nil && bound.take("d") == nil)
    first[0]?.giveBack()
    let fourth = bound.take("d")
    #expect(fourth != nil && bound.take("a") == nil)
    withExtendedLifetime((first, second, third, fourth)) {}
  }

  @Test func aShareIsGivenBackOnce() throws {
    let bound = FairBound(each: 2, all: 2)
    var place = bound.take("a")
    #expect(place != nil)
    let other = try #require(bound.take("b"))
    place?.giveBack()
    place?.giveBack()
    let next = try #require(bound.take("c"))
    place = nil
    #expect(bound.take("d") == nil)
    withExtendedLifetime((other, next)) {}
  }

  @Test func weightsCount() throws {
    let bound = FairBound(each: 10, all: 15)
    let place = try #require(bound.take("a", weight: 8))
    #expect(bound.take("b", weight: 8) == nil)
    #expect(bound.take("b", weight: 7) != nil)
    withExtendedLifetime(place) {}
  }
}
