/**
 * <pulse-chart data-source="ID" data-lib="URL" data-symbol="SPY">: minute bars with the marks of
 * signals, drawn by Lightweight Charts from what the server stored; nothing is computed here.
 * With `data-symbol` the newest quote moves the last bar. Without the library its text stays.
 */

import { live } from "../live/live.js";
import { eastern, number } from "../lib/format.js";
import { isPaused } from "../lib/pause.js";
import { token } from "../lib/tokens.js";

const SHAPES = {
  1: { position: "belowBar", shape: "arrowUp", ink: "--up" },
  "-1": { position: "aboveBar", shape: "arrowDown", ink: "--down" },
  0: { position: "aboveBar", shape: "circle", ink: "--info" },
};

class PulseChart extends HTMLElement {
  async connectedCallback() {
    const source = document.getElementById(this.dataset.source);
    if (!source || !this.dataset.lib) return;
    this.data = JSON.parse(source.textContent);
    try {
      this.lib = await import(this.dataset.lib);
    } catch {
      return; // the fallback text stays
    }
    if (this.isConnected) this.#draw();
  }

  disconnectedCallback() {
    this.stop?.();
    this.chart?.remove();
    this.watch?.disconnect();
    document.removeEventListener("themechange", this.recolor);
  }

  /** Add the mark of one more signal. */
  mark(signal) {
    const time = Math.floor(Date.parse(signal.time) / 1000);
    if (!this.series || this.data.marks.some((mark) => mark.id === signal.id)) return;
    const text = String(signal.tool.id).padStart(2, "0");
    this.data.marks.push({ id: signal.id, time, side: signal.side, text });
    this.data.marks.sort((a, b) => a.time - b.time);
    this.#marks();
  }

  /** Draw what the server has put in place of the data that was there. */
  reload() {
    const source = document.getElementById(this.dataset.source);
    if (!this.series || !source) return;
    this.data = JSON.parse(source.textContent);
    this.series.setData(this.data.bars);
    this.#marks();
  }

  #draw() {
    this.querySelector(".fallback")?.remove();
    const { createChart, CandlestickSeries, createSeriesMarkers } = this.lib;
    this.chart = createChart(this, { autoSize: true, ...this.#options() });
    this.series = this.chart.addSeries(CandlestickSeries, this.#candles());
    this.series.setData(this.data.bars);
    this.markers = createSeriesMarkers(this.series, []);
    this.#marks();
    this.chart.timeScale().fitContent();
    for (const child of this.children) child.setAttribute("aria-hidden", "true");
    this.recolor = () => this.#recolor();
    document.addEventListener("themechange", this.recolor);
    if (this.dataset.symbol) this.#follow();
  }

  #follow() {
    this.last = this.data.bars.at(-1);
    this.stop = live.subscribe(`quote:${this.dataset.symbol}`, {
      onEvent: ({ data }) => this.#tick(data),
    });
  }

  /** A bar stands at the end of its minute; an older quote (another run) starts no new one. */
  #tick(quote) {
    if (isPaused() || typeof quote.last !== "number") return;
    const time = Math.ceil(Date.parse(quote.time) / 60000) * 60;
    if (time < this.last.time) return;
    const { last: price } = quote;
    this.last =
      time === this.last.time
        ? { ...this.last, close: price, high: Math.max(this.last.high, price), low: Math.min(this.last.low, price) }
        : { time, open: this.last.close, high: Math.max(this.last.close, price), low: Math.min(this.last.close, price), close: price };
    this.series.update(this.last);
  }

  #marks() {
    const marks = this.data.marks.map(({ time, side, text }) => {
      const { position, shape, ink } = SHAPES[side];
      return { time, position, shape, text, color: token(this, ink) };
    });
    this.markers.setMarkers(marks);
  }

  #recolor() {
    this.chart.applyOptions(this.#options());
    this.series.applyOptions(this.#candles());
    this.#marks();
  }

  #options() {
    const line = token(this, "--line-soft");
    return {
      layout: {
        background: { color: "transparent" },
        textColor: token(this, "--ink-3"),
        fontFamily: getComputedStyle(this).fontFamily,
        fontSize: 11,
        attributionLogo: false,
      },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line },
      timeScale: {
        borderColor: line,
        timeVisible: true,
        secondsVisible: false,
        rightOffset: 8,
        tickMarkFormatter: (time) => eastern(time * 1000),
      },
      localization: {
        timeFormatter: (time) => `${eastern(time * 1000)} ET`,
        priceFormatter: (price) => number(price),
      },
      handleScroll: { vertTouchDrag: false },
    };
  }

  #candles() {
    const up = token(this, "--up");
    const down = token(this, "--down");
    return {
      upColor: "transparent",
      borderUpColor: up,
      wickUpColor: up,
      downColor: down,
      borderDownColor: down,
      wickDownColor: down,
      priceLineColor: token(this, "--accent"),
    };
  }
}

customElements.define("pulse-chart", PulseChart);
