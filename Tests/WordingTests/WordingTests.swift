import Testing
import Wording

@Test(arguments: [
    ("pln", "plan"), ("topcs", "topics"), ("Config", "config"), ("ocnfig", "config"),
    ("kafka.bootstrp", "kafka.bootstrap"), ("x", nil), ("", nil), ("quite-another-word", nil),
])
func `a misspelt word finds the word that was meant`(word: String, meant: String?) {
    let words = ["topics", "plan", "config", "kafka.bootstrap"]
    #expect(closest(to: word, among: words) == meant)
}

@Test func `of two equally near words the first is offered`() {
    #expect(closest(to: "plax", among: ["plan", "play"]) == "plan")
    #expect(didYouMean("plax", among: ["play"]) == " Did you mean play?")
    #expect(didYouMean("plax", among: ["config"]) == "")
}

@Test func `a guess may be held closer than a third of the word`() {
    #expect(closest(to: "client.rack", among: ["client.id"]) == "client.id")
    #expect(closest(to: "client.rack", among: ["client.id"], within: 2) == nil)
    #expect(closest(to: "retires", among: ["retries"], within: 2) == "retries")
}

@Test func `lists read as a person says them`() {
    #expect(spoken([]) == "")
    #expect(spoken(["text"]) == "text")
    #expect(spoken(["text", "json"]) == "text or json")
    #expect(spoken(["a", "b", "c"], joinedBy: "and") == "a, b and c")
}

@Test(arguments: [
    ("200ms", Duration.milliseconds(200)), ("5s", .seconds(5)), ("90m", .seconds(5_400)),
    ("2d", .seconds(172_800)), ("1h30m", .seconds(5_400)), ("0s", .zero),
    ("1d2h3m4s5ms", .milliseconds(93_784_005)),
])
func `durations are read with their units`(text: String, duration: Duration) {
    #expect(Duration(text: text) == duration)
}

@Test(arguments: ["", "5", "s", "5 s", "-5s", "1.5s", "5w", "30m1h", "5s5s", "9999999999999999d"])
func `a duration without a clear meaning is refused`(text: String) {
    #expect(Duration(text: text) == nil)
}

@Test(arguments: ["200ms", "5s", "1h30m", "2d", "0s", "1d2h3m4s5ms", "106751991167d"])
func `a duration is written as it is read`(text: String) throws {
    #expect(try #require(Duration(text: text)).text == text)
    #expect((Duration.seconds(-90)).text == "-1m30s")
}

@Test func `thousands are parted by commas everywhere`() {
    #expect(grouped(0) == "0")
    #expect(grouped(999) == "999")
    #expect(grouped(-1_000) == "-1,000")
    #expect(grouped(1_234_567) == "1,234,567")
    #expect(grouped(UInt64.max) == "18,446,744,073,709,551,615")
    #expect(grouped(Int64.min) == "-9,223,372,036,854,775,808")
}

@Test func `a whole number is digits and nothing else`() {
    #expect(wholeNumber("0") == 0)
    #expect(wholeNumber("-12") == -12)
    #expect(wholeNumber("9223372036854775807") == .max)
    for text in [
        "", "-", "+1", "010", "-0", "1_000", "1,000", "0x10", "1e3", "12.0", "１",
        "9223372036854775808",
    ] {
        #expect(wholeNumber(text) == nil, "\(text)")
    }
}
