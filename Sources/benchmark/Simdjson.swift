/// The parser beside ours: a small program in C++, compiled when it is needed.
///
/// It reads every value of a line and adds lengths up, or only walks from key to key without reading any; that is
/// all. What is dearer than this is what validation, normalisation and the journal record cost. Whole batches
/// (`iterate_many`) were tried: no faster, and they end at the first line that is no JSON.
struct Simdjson {
    /// What it does with a line.
    enum Way: String {
        case read, walk
    }

    private let program: String
    private let folder: TemporaryFolder

    /// Compiles it in a folder.
    init(_ folder: TemporaryFolder) throws(Failure) {
        self.folder = folder
        program = folder.path + "/parse"
        let source = program + ".cpp"
        try Files.write(Array(Self.source.utf8), to: source)
        let words = [
            "g++", "-O3", "-march=native", "-std=c++17", "-o", program, source, "-lsimdjson",
        ]
        _ = try Child.run(words, in: folder)
    }

    /// User and system time of a line.
    func nanosecondsPerLine(_ path: String, limit: Int, _ way: Way) throws(Failure) -> Double {
        _ = try Child.run([program, path, String(limit), way.rawValue], in: folder)
        let printed = String(decoding: try Files.read(folder.path + "/log"), as: UTF8.self)
        guard let first = printed.split(separator: " ").first, let value = Double(first) else {
            throw Failure("could not read what the parser printed: \(printed)")
        }
        return value
    }

    private static let source = #"""
        #include <simdjson.h>
        #include <cstdint>
        #include <cstdio>
        #include <cstdlib>
        #include <cstring>
        #include <fstream>
        #include <sys/resource.h>
        #include <vector>
        using namespace simdjson;

        static double cpu() {
          rusage u;
          getrusage(RUSAGE_SELF, &u);
          return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
        }

        static uint64_t read(ondemand::value value) {
          switch (value.type()) {
            case ondemand::json_type::string: return std::string_view(value.get_string()).size();
            case ondemand::json_type::number: return uint64_t(double(value.get_double()));
            case ondemand::json_type::boolean: return bool(value.get_bool());
            case ondemand::json_type::array: {
              uint64_t sum = 0;
              for (auto element : value.get_array()) sum += read(element.value());
              return sum;
            }
            case ondemand::json_type::object: {
              uint64_t sum = 0;
              for (auto field : value.get_object()) {
                std::string_view key = field.unescaped_key();
                sum += key.size() + read(field.value());
              }
              return sum;
            }
            default: return value.is_null();
          }
        }

        static uint64_t walk(ondemand::value value) {
          switch (value.type()) {
            case ondemand::json_type::string: return value.get_raw_json_string().value().raw()[0];
            case ondemand::json_type::number: return value.raw_json_token()[0];
            default: return read(value);
          }
        }

        static uint64_t readLine(ondemand::document& line) {
          uint64_t sum = 0;
          for (auto field : line.get_object()) {
            std::string_view key = field.unescaped_key();
            sum += key.size() + read(field.value());
          }
          return sum;
        }

        static uint64_t walkLine(ondemand::document& line) {
          uint64_t sum = 0;
          for (auto field : line.get_object()) {
            sum += field.key().value().raw()[0];
            sum += walk(field.value());
          }
          return sum;
        }

        int main(int count, char** words) {
          if (count != 4) return 64;
          const bool walks = std::string_view(words[3]) == "walk";
          std::ifstream file(words[1], std::ios::binary);
          std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
          size_t size = bytes.size();
          bytes.resize(size + SIMDJSON_PADDING + 1);
          const long limit = std::atol(words[2]);
          ondemand::parser parser;
          long lines = 0, wrong = 0;
          uint64_t sum = 0;
          const double start = cpu();
          const char* place = bytes.data();
          const char* end = place + size;
          while (place < end && lines < limit) {
            const char* next = static_cast<const char*>(std::memchr(place, '\n', end - place));
            if (!next) next = end;
            if (next > place) {
              lines++;
              try {
                ondemand::document line = parser.iterate(place, next - place, next - place + SIMDJSON_PADDING);
                sum += walks ? walkLine(line) : readLine(line);
              } catch (const simdjson_error&) {
                wrong++;
              }
            }
            place = next + 1;
          }
          std::printf("%.3f %ld %ld %llu\n", (cpu() - start) * 1e9 / (lines ? lines : 1), lines, wrong,
                      static_cast<unsigned long long>(sum));
        }
        """#
}
